from django.urls import URLPattern

app_name = "retry_settings"

urlpatterns: list[URLPattern] = []
