from django.urls import path

from apps.retry_settings import views

app_name = "retry_settings"

urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("save/", views.change, name="save"),
    path("charging/on/", views.switch_charging, {"on": True}, name="charging_on"),
    path("charging/off/", views.switch_charging, {"on": False}, name="charging_off"),
    path("stripe/", views.note_stripe, name="note_stripe"),
    path("preview/", views.preview, name="preview"),
    path("segments/", views.segments_page, name="segments"),
    path("segments/new/", views.new_segment, name="new_segment"),
    path("segments/<int:policy_id>/", views.segment_page, name="segment"),
    path("segments/<int:policy_id>/save/", views.change_segment, name="save_segment"),
    path("segments/<int:policy_id>/up/", views.move_segment, {"up": True}, name="segment_up"),
    path("segments/<int:policy_id>/down/", views.move_segment, {"up": False}, name="segment_down"),
    path("segments/<int:policy_id>/delete/", views.delete_segment, name="delete_segment"),
]
