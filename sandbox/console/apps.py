from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class ConsoleConfig(AppConfig):
    name = "sandbox.console"
    label = "console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse to start anywhere but beside a sandbox of this machine, with DEBUG on."""
        host = urlsplit(settings.STRIPE_API_BASE).hostname
        if not settings.DEBUG or host not in ("127.0.0.1", "localhost", "::1"):
            raise ImproperlyConfigured(
                "sandbox.console moves time and is for the demo only: it needs DEBUG and a "
                "STRIPE_API_BASE on this machine."
            )
