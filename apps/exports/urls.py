from django.urls import path

from apps.exports import views

app_name = "exports"

urlpatterns = [
    path("", views.export_list, name="list"),
    path("new/<slug:source_key>/", views.new_export, name="new"),
    path("selected/<slug:source_key>/", views.selected, name="selected"),
    path("<uuid:export_id>/", views.export_page, name="detail"),
    path("<uuid:export_id>/download/", views.download, name="download"),
    path("<uuid:export_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:export_id>/retry/", views.retry, name="retry"),
    path("<uuid:export_id>/delete/", views.delete, name="delete"),
]
