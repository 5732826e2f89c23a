"""What other systems of the merchant get from us: access by API, events by webhook.

No secret is stored: of an API token only its digest, and an endpoint's signing secret is derived
from the installation's key whenever it is needed.
"""

import datetime as dt
import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def usable(self) -> Self:
        return self.filter(revoked_at=None)


class ApiToken(models.Model):
    """Lets a merchant's own site ask who has access. Read-only; shown once, then only a hint."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    hint = models.CharField(max_length=8, help_text="Its last characters.")
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the hour.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=254, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"


class EventKind(models.TextChoices):
    """What goes out, by the names receivers see."""

    PAYMENT_FAILED = "payment.failed", "A payment failed"
    RETRY_SCHEDULED = "retry.scheduled", "A retry was planned"
    RETRY_SKIPPED = "retry.skipped", "A retry was not made"
    ACTION_REQUIRED = "action.required", "The customer must act"
    PAYMENT_RECOVERED = "payment.recovered", "A failed payment came in"
    RECOVERY_EXHAUSTED = "recovery.exhausted", "A payment was given up"
    ACCESS_REVOKED = "access.revoked", "Access was revoked"
    ACCESS_LIMITED = "access.limited", "Access was limited, or a notice is shown"
    ACCESS_GRANTED = "access.granted", "Access was given back"
    CARD_UPDATED = "card.updated", "A card was changed"
    ALERT_OPENED = "alert.opened", "Something is wrong"
    TEST = "test", "Test"


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def active(self) -> Self:
        return self.filter(disabled_at=None)


class WebhookEndpoint(models.Model):
    """An address of the merchant that our events are sent to.

    `secret_number` counts rotations and is what its secret is derived from; the one before stays
    valid until `old_secret_until`. `failing_since` is the first failure since the last success.
    """

    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="webhook_endpoints"
    )
    url = models.CharField(max_length=500)
    events = models.JSONField(default=list, blank=True, help_text="Kinds; empty means all.")
    secret_number = models.PositiveIntegerField(default=1)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=254)
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_by = models.CharField(max_length=254, blank=True, help_text="“Recoup” or a person.")
    disabled_why = models.CharField(max_length=300, blank=True)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(disabled_at=None, disabled_by="")
                | (Q(disabled_at__isnull=False) & ~Q(disabled_by="")),
                name="webhook_endpoint_disabled_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Endpoint {self.pk} of {self.merchant}"

    def wants(self, kind: str) -> bool:
        """Say whether events of this kind are sent to it; tests always are."""
        return not self.events or kind in self.events or kind == EventKind.TEST


class OutgoingEvent(models.Model):
    """One event as receivers see it; `source` names what it was made of, once per merchant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    source = models.CharField(max_length=64, help_text="case:12, access:7, test:…")
    kind = models.CharField(max_length=32, choices=EventKind)
    payload = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "source"], name="outgoing_event_unique_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(endpoint__merchant=merchant)

    def due(self, *, now: dt.datetime) -> Self:
        return self.filter(status=Delivery.Status.PENDING, next_at__lte=now)


class Delivery(models.Model):
    """One event on its way to one endpoint; `next_at` is its schedule."""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"
        CANCELED = "canceled", "Endpoint disabled"

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    event = models.ForeignKey(OutgoingEvent, on_delete=models.PROTECT, related_name="deliveries")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    next_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Real time.")
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    log = models.JSONField(
        default=list, blank=True, help_text="[{at, status, ms, error}], newest last."
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "event"], name="delivery_unique_endpoint_event"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", settled_at=None)
                | (~Q(status="pending") & Q(settled_at__isnull=False)),
                name="delivery_settled_iff_over",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(status="pending"), name="delivery_due"),
            models.Index(fields=["endpoint", "-created_at", "-id"], name="delivery_by_endpoint"),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk} ({self.status})"

    @property
    def last(self) -> dict[str, object]:
        """The newest entry of the log; empty before the first try."""
        return self.log[-1] if self.log else {}
