"""The merchant's choice: who retries, by which schedule, and what happens at the end."""

from django.db import models

from apps.accounts.models import Merchant


class RetrySettings(models.Model):
    """One merchant's retry rules; `rules` is `dunning.RetryRules` as JSON.

    A case freezes the rules it was opened with. A merchant without a row has the day-one
    default: Stripe retries and Recoup observes.
    """

    merchant = models.OneToOneField(
        Merchant, on_delete=models.CASCADE, related_name="retry_settings"
    )
    rules = models.JSONField()
    version = models.PositiveIntegerField(default=1, help_text="Raised by every save.")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "retry settings"

    def __str__(self) -> str:
        return f"Retry settings of {self.merchant}, version {self.version}"
