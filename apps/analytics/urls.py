from django.urls import URLPattern, path

from apps.analytics import views

app_name = "analytics"

urlpatterns: list[URLPattern] = [
    path("", views.page, name="page"),
    path("<slug:chart>.csv", views.chart_csv, name="csv"),
]
