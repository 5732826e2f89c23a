from django.apps import AppConfig


class CustomerPaymentsConfig(AppConfig):
    name = "apps.customer_payments"
    default_auto_field = "django.db.models.BigAutoField"
