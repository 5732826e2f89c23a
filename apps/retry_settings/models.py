"""The merchant's choice: who retries, by which schedule, and what happens at the end."""

from typing import Self

from django.db import models

from apps.accounts.models import Merchant
from apps.dunning.rules import RetryRules
from apps.dunning.segments import Segment


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


class RetryPolicyQuerySet(models.QuerySet["RetryPolicy"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class RetryPolicy(models.Model):
    """Rules for a segment of a merchant's invoices; of an ordered list the first match wins.

    `segment` is `dunning.Segment` as JSON, `rules` is `dunning.RetryRules`.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="retry_policies")
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(help_text="1 is asked first.")
    segment = models.JSONField(default=dict)
    rules = models.JSONField()
    version = models.PositiveIntegerField(default=1, help_text="Raised by every save.")
    updated_at = models.DateTimeField()

    objects = RetryPolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "retry policies"
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "name"], name="policy_unique_name"),
            # Two change places in one statement each; at the end of the transaction it must hold.
            models.UniqueConstraint(
                fields=["merchant", "position"],
                name="policy_unique_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.position}) of {self.merchant}"

    @property
    def conditions(self) -> Segment:
        return Segment.from_json(self.segment)

    @property
    def retry_rules(self) -> RetryRules:
        return RetryRules.from_json(self.rules)


class StripeNotes(models.Model):
    """What the merchant copied from Stripe's own retry settings, as `dunning.ProviderNotes`.

    No program can read or set them.
    """

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, related_name="stripe_notes")
    schedule = models.CharField(max_length=16, default="unknown")
    tries = models.PositiveSmallIntegerField(default=0, help_text="0: not said.")
    window_days = models.PositiveSmallIntegerField(default=0, help_text="0: not said.")
    subscription_end = models.CharField(max_length=16, default="unknown")
    invoice_end = models.CharField(max_length=16, default="unknown")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "stripe notes"

    def __str__(self) -> str:
        return f"Stripe's retry settings of {self.merchant}, as noted"
