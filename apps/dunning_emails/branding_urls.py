from django.urls import path, re_path

from apps.dunning_emails.views import branding

app_name = "branding"

urlpatterns = [
    path("settings/branding/", branding.branding, name="settings"),
    path("settings/branding/save/", branding.save, name="save"),
    path("branding/<slug:digest>.png", branding.picture, name="picture"),
    re_path(r"^branding/(?P<colour>[0-9a-f]{6})\.css$", branding.colours, name="colours"),
]
