from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "apps.subscriptions"
    default_auto_field = "django.db.models.BigAutoField"
