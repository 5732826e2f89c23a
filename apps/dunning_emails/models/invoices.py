"""What Recoup does at Stripe to sent invoices by a merchant's rules: written down before it is done."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant


class InvoiceActQuerySet(models.QuerySet["InvoiceAct"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def wanted(self) -> Self:
        return self.filter(status=InvoiceAct.Status.WANTED)


class InvoiceAct(models.Model):
    """One thing done to one sent invoice, under one key. One at a time per invoice.

    `key` is the idempotency key of its call; it is committed before anything is sent. What came of it
    is written from what Stripe shows afterwards.
    """

    class What(models.TextChoices):
        UNCOLLECTIBLE = "uncollectible", "Marked uncollectible"
        VOID = "void", "Voided"
        CREDIT = "credit", "Rest credited"

    class Status(models.TextChoices):
        WANTED = "wanted", "To be done"
        DONE = "done", "Done"
        DROPPED = "dropped", "Not done"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="invoice_acts")
    stripe_invoice_id = models.CharField(max_length=255)
    stripe_customer_id = models.CharField(max_length=255, blank=True)
    what = models.CharField(max_length=16, choices=What)
    status = models.CharField(max_length=16, choices=Status, default=Status.WANTED)
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    amount_minor = models.BigIntegerField(
        default=0, help_text="What was left to pay, in the currency's smallest unit."
    )
    currency = models.CharField(max_length=3)
    wanted_at = models.DateTimeField()
    look_at = models.DateTimeField(help_text="When it is tried next.")
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Real time; a worker has it in hand."
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="Why, or why not, in words.")

    objects = InvoiceActQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_invoice_id", "what"], name="act_once"
            ),
            models.UniqueConstraint(
                fields=["merchant", "stripe_invoice_id"],
                condition=Q(status="wanted"),
                name="act_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status="wanted", settled_at=None)
                | (~Q(status="wanted") & Q(settled_at__isnull=False)),
                name="act_settled_at_iff_settled",
            ),
        ]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(status="wanted"), name="act_to_look_at")
        ]

    def __str__(self) -> str:
        return f"{self.what} of {self.stripe_invoice_id} ({self.status})"
