from django.urls import URLPattern

app_name = "customer_payments"

urlpatterns: list[URLPattern] = []
