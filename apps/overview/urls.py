from django.urls import URLPattern, path

from apps.overview import views

app_name = "overview"

urlpatterns: list[URLPattern] = [
    path("healthz", views.healthz, name="healthz"),
]
