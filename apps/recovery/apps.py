from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "apps.recovery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apps.recovery.queries.tabs import needs_attention
        from apps.web.navigation import register_counter

        register_counter("recovery", needs_attention)
