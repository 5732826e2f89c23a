from django.urls import path

from apps.dunning_emails.views import branding

app_name = "branding"

urlpatterns = [
    path("settings/branding/", branding.branding, name="settings"),
    path("settings/branding/save/", branding.save, name="save"),
    path("branding/<slug:digest>.png", branding.logo, name="logo"),
]
