from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.integrations.queries import switched_off
        from apps.web.navigation import register_counter

        register_counter("webhooks", lambda merchant: switched_off(merchant=merchant))
