from django.apps import AppConfig


class StripeGatewayConfig(AppConfig):
    name = "apps.stripe_gateway"
    default_auto_field = "django.db.models.BigAutoField"
