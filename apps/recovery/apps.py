from django.apps import AppConfig


class RecoveryConfig(AppConfig):
    name = "apps.recovery"
    default_auto_field = "django.db.models.BigAutoField"
