from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "apps.subscriptions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.subscriptions.models import Subscription
        from apps.web.navigation import register_counter

        register_counter(
            "subscriptions", lambda merchant: Subscription.objects.for_merchant(merchant).past_due()
        )
