"""The product's addresses and those of the demo's time machine."""

from django.urls import include, path

urlpatterns = [
    path("demo/", include("sandbox.console.urls")),
    path("", include("config.urls")),
]
