"""The inbox of signed events, and the objects they tell us to look at."""

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.accounts.models import Merchant


class InboxEventQuerySet(models.QuerySet["InboxEvent"]):
    def pending(self) -> Self:
        return self.filter(status=InboxEvent.Status.PENDING)


class InboxEvent(models.Model):
    """One verified event, stored before it is answered. The row is the queue.

    Unique per account and event id. What could not be read or belongs to nobody is quarantined
    with its raw body and can be replayed.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        DONE = "done", "Done"
        QUARANTINED = "quarantined", "Quarantined"

    stripe_account_id = models.CharField(
        max_length=255, blank=True, help_text="Empty: the platform's own account."
    )
    stripe_event_id = models.CharField(max_length=255)
    type = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField(default=False)
    body = models.BinaryField(help_text="As it came, but for client secrets.")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    error = models.CharField(max_length=1000, blank=True)
    from_sweep = models.BooleanField(
        default=False, help_text="Found by listing events, not delivered."
    )
    event_at = models.DateTimeField(null=True, help_text="Stripe's `created`.")
    received_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    objects = InboxEventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_account_id", "stripe_event_id"], name="inbox_unique_event"
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(status="pending"), name="inbox_pending"),
            models.Index(fields=["-received_at"], name="inbox_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_event_id} {self.type}"


class DirtyObjectQuerySet(models.QuerySet["DirtyObject"]):
    def unleased(self) -> Self:
        """Select objects nobody is reading."""
        return self.filter(Q(lease_until=None) | Q(lease_until__lte=Now()))

    def ready(self) -> Self:
        """Select objects nobody is reading, whose wait is over."""
        return self.unleased().filter(not_before__lte=Now())

    def parked(self) -> Self:
        """Select objects that could not be read again and again; `error` says why."""
        return self.filter(not_before__gte=DirtyObject.PARKED)


class DirtyObject(models.Model):
    """An object to read once, however many events named it.

    `mark` rises with every event; a reader clears the row only if the mark is still the one it
    saw, so an event that arrives during the read makes one more read. `lease_until` keeps two
    workers off the same object without holding a transaction over a call. Leases and waits are
    real time by the database's clock, so that no two machines disagree on them.
    """

    PARKED = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
    """`not_before` of an object that is not tried again before a new event or a person asks."""

    class Kind(models.TextChoices):
        INVOICE = "invoice"
        SUBSCRIPTION = "subscription"
        CUSTOMER = "customer"
        CHARGE = "charge"
        PAYMENT_INTENT = "payment_intent"
        PAYMENT_METHOD = "payment_method"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=32, choices=Kind)
    stripe_id = models.CharField(max_length=255)
    hint = models.JSONField(default=dict, help_text="Where to look, from the newest event.")
    mark = models.PositiveIntegerField(default=1)
    marked_at = models.DateTimeField(help_text="Business time of the first unread mark.")
    touched_at = models.DateTimeField(
        db_default=Now(), help_text="Real time of the newest mark: a later read covers it."
    )
    not_before = models.DateTimeField(help_text="Real time; moved on after a failed read.")
    lease_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=1000, blank=True)

    objects = DirtyObjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "kind", "stripe_id"], name="dirty_unique_object"
            )
        ]
        indexes = [models.Index(fields=["not_before"], name="dirty_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_id}"


class SweepCursor(models.Model):
    """How far the list-events sweep has read, per merchant."""

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, related_name="+")
    swept_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.merchant} swept until {self.swept_until:%Y-%m-%d %H:%M}"
