"""Settings > Customer Payments, and who has access to what."""

from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant


class CustomerPaymentSettings(models.Model):
    """The two switches of “Revoke and grant access”; both off on day one."""

    merchant = models.OneToOneField(
        Merchant, on_delete=models.CASCADE, related_name="customer_payment_settings"
    )
    revoke_on_failure = models.BooleanField(default=False)
    grant_on_success = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1, help_text="Raised by every save.")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "customer payment settings"

    def __str__(self) -> str:
        return f"Customer payment settings of {self.merchant}"


class AccessQuerySet(models.QuerySet["Access"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class Access(models.Model):
    """Whether a customer may use an offer; one row per customer and offer.

    Revoking keeps billing and progress. `revoked_by_case_id` names the case whose failure took
    access: only that is given back by itself. A person's revoke stays.
    """

    class State(models.TextChoices):
        GRANTED = "granted", "Granted"
        REVOKED = "revoked", "Revoked"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="access")
    stripe_customer_id = models.CharField(max_length=255)
    stripe_product_id = models.CharField(max_length=255)
    stripe_subscription_id = models.CharField(max_length=255, help_text="What pays for it.")
    state = models.CharField(max_length=16, choices=State, default=State.GRANTED)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=254, default="Recoup")
    is_automatic = models.BooleanField(default=True)
    revoked_by_case_id = models.BigIntegerField(null=True, blank=True)

    objects = AccessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "access"
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_customer_id", "stripe_product_id"],
                name="access_unique_customer_offer",
            ),
            models.CheckConstraint(
                condition=Q(state="revoked") | Q(revoked_by_case_id=None),
                name="access_case_only_when_revoked",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "stripe_subscription_id"], name="access_by_sub")
        ]

    def __str__(self) -> str:
        return f"{self.stripe_customer_id} to {self.stripe_product_id}: {self.state}"


class AccessEvent(models.Model):
    """One change of access: who, why, and that automations stay silent. Never edited."""

    access = models.ForeignKey(Access, on_delete=models.PROTECT, related_name="events")
    state = models.CharField(max_length=16, choices=Access.State)
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    reason = models.CharField(max_length=300)
    case_event_id = models.BigIntegerField(
        null=True, unique=True, help_text="The case event it answers; makes a repeat harmless."
    )
    triggers_automations = models.BooleanField(
        default=False, help_text="Automatic changes never fire grant automations."
    )

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.state} at {self.at:%Y-%m-%d %H:%M}"
