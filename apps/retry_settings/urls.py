from django.urls import path

from apps.retry_settings import views

app_name = "retry_settings"

urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("save/", views.change, name="save"),
    path("preview/", views.preview, name="preview"),
]
