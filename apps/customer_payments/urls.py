from django.urls import path

from apps.customer_payments import views

app_name = "customer_payments"

urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("save/", views.save, name="save"),
]
