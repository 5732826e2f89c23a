from django.apps import AppConfig


class RetrySettingsConfig(AppConfig):
    name = "apps.retry_settings"
    default_auto_field = "django.db.models.BigAutoField"
