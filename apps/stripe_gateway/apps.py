from django.apps import AppConfig


class StripeGatewayConfig(AppConfig):
    name = "apps.stripe_gateway"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the stand-in under the library's global calls: dj-stripe makes them, nobody else."""
        import stripe
        from django.conf import settings

        from apps.stripe_gateway.transport import stand_in

        stripe.default_http_client = stand_in
        stripe.api_base = settings.STRIPE_API_BASE
