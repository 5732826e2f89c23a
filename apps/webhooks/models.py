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

    def ready_at_once(self) -> Self:
        """Select those, and the ones that only wait for companions."""
        return self.unleased().filter(Q(not_before__lte=Now()) | Q(failures=0))

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
    refused_at = models.DateTimeField(
        null=True, blank=True, help_text="When Stripe refused our key; empty since it took it."
    )

    def __str__(self) -> str:
        return f"{self.merchant} swept until {self.swept_until:%Y-%m-%d %H:%M}"


class ImportRunQuerySet(models.QuerySet["ImportRun"]):
    def unfinished(self) -> Self:
        return self.filter(finished_at=None)


class ImportRun(models.Model):
    """One import of a merchant's history, page by page; safe to kill and to go on with.

    `phase` and `error` are the latest; how far each phase is stands in its cursor.
    """

    class Phase(models.TextChoices):
        """In this order: what is owed now first, then everything else, newest first."""

        PRODUCTS = "products", "offers"
        OPEN_INVOICES = "open_invoices", "open invoices"
        CUSTOMERS = "customers", "customers"
        SUBSCRIPTIONS = "subscriptions", "subscriptions"
        INTENTS = "intents", "payment details"
        INVOICES = "invoices", "payments"
        CHARGES = "charges", "payments without an invoice"

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField(null=True, blank=True, help_text="Empty: from the beginning.")
    phase = models.CharField(max_length=16, choices=Phase, default=Phase.PRODUCTS)
    started_at = models.DateTimeField(help_text="Business time.")
    finished_at = models.DateTimeField(null=True, blank=True, help_text="Business time.")
    worked_at = models.DateTimeField(help_text="Real time of the last page.")
    error = models.CharField(max_length=1000, blank=True, help_text="Why it waits, in words.")

    objects = ImportRunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"], condition=Q(finished_at=None), name="import_one_unfinished"
            )
        ]
        indexes = [models.Index(fields=["merchant", "-started_at"], name="import_by_merchant")]

    def __str__(self) -> str:
        return f"Import {self.pk} of {self.merchant}"


class ImportCursor(models.Model):
    """How far one phase of an import is: everything up to `after` is stored."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="cursors")
    phase = models.CharField(
        max_length=16, help_text="One of the phases, or “shelf”: charges read ahead."
    )
    after = models.CharField(
        max_length=255, blank=True, help_text="The last object of the last page; empty: none yet."
    )
    reached_at = models.DateTimeField(
        null=True, blank=True, help_text="When the oldest object so far was created."
    )
    done = models.PositiveIntegerField(default=0)
    about = models.PositiveIntegerField(default=0, help_text="Estimated total; 0: not known yet.")
    is_finished = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "phase"], name="import_cursor_unique_phase")
        ]

    def __str__(self) -> str:
        return f"{self.phase}: {self.done}"


class ImportedCharge(models.Model):
    """A listed charge that waits for its invoice's page; what is left at the end has none."""

    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="shelf")
    stripe_charge_id = models.CharField(max_length=255)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    stripe_invoice_id = models.CharField(max_length=255, blank=True)
    charged_at = models.DateTimeField()
    answer = models.JSONField(help_text="As read, without client secrets.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["run", "stripe_charge_id"], name="imported_charge_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["run", "stripe_payment_intent_id"], name="imported_charge_by_intent"
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_charge_id


class ReconciliationReport(models.Model):
    """One comparison of a merchant's open invoices and past-due subscriptions with Stripe."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(help_text="Business time.")
    compared = models.PositiveIntegerField(default=0, help_text="Objects at Stripe and here.")
    differences = models.JSONField(
        default=dict, help_text="{kind of difference: [Stripe ids]}; empty: all equal."
    )
    repaired = models.PositiveIntegerField(default=0, help_text="Objects asked to be read again.")
    error = models.CharField(max_length=1000, blank=True, help_text="Why it is not complete.")

    class Meta:
        indexes = [models.Index(fields=["merchant", "-at"], name="reconciliation_by_time")]

    def __str__(self) -> str:
        return f"{self.merchant} compared at {self.at:%Y-%m-%d %H:%M}"

    @property
    def difference_count(self) -> int:
        return sum(len(ids) for ids in self.differences.values())
