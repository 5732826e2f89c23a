from django.urls import path

from apps.retry_settings import views

app_name = "retry_settings"

urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("save/", views.change, name="save"),
    path("charging/on/", views.switch_charging, {"on": True}, name="charging_on"),
    path("charging/off/", views.switch_charging, {"on": False}, name="charging_off"),
    path("preview/", views.preview, name="preview"),
]
