from django.urls import URLPattern

app_name = "transactions"

urlpatterns: list[URLPattern] = []
