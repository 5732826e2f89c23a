from django.apps import AppConfig


class SubscriptionsConfig(AppConfig):
    name = "apps.subscriptions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.subscriptions.queries import past_due_count
        from apps.web.navigation import register_counter

        register_counter("subscriptions", lambda merchant: past_due_count(merchant=merchant))
