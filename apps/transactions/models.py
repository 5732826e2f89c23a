"""Read model: one row per payment a customer owes. Can be dropped and rebuilt from Stripe."""

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Upper

from apps.accounts.models import Merchant
from apps.dunning.money import Money

NEVER = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
"""Stands for no next try where rows are sorted by it."""


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def failed(self) -> Self:
        """Select payments whose last try failed and that are not paid yet."""
        return self.filter(status__in=Transaction.FAILED_STATUSES)

    def sent_and_open(self) -> Self:
        """Select invoices that wait to be paid by hand."""
        return self.filter(is_sent=True, invoice_status="open", finalized_at__isnull=False)


class Transaction(models.Model):
    """One payment the customer owes: an invoice, or a charge without one.

    Its tries are `recovery.Try` rows of the same invoice. `status` is a projection of the
    invoice, its tries and its case (product ruling: narrower statuses stand beside "Failed").
    """

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded", "Succeeded"
        RECOVERED = "recovered", "Recovered"
        RETRYING = "retrying", "Retrying"
        CHARGING = "charging", "Charging…"
        CHECKING = "checking", "Checking with Stripe"
        NEEDS_CARD = "needs_card", "Needs a new card"
        NEEDS_AUTHENTICATION = "needs_authentication", "Needs authentication"
        FAILED = "failed", "Failed"
        PROCESSING = "processing", "Processing"
        REFUNDED = "refunded", "Refunded"
        DISPUTED = "disputed", "Disputed"
        INCOMPLETE = "incomplete", "Incomplete"
        OPEN = "open", "Open"
        VOID = "void", "Void"

    FAILED_STATUSES = (
        Status.RETRYING,
        Status.CHARGING,
        Status.CHECKING,
        Status.NEEDS_CARD,
        Status.NEEDS_AUTHENTICATION,
        Status.FAILED,
    )

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="transactions")
    stripe_id = models.CharField(
        max_length=255, help_text="The invoice, or the charge where there is no invoice."
    )
    stripe_invoice_id = models.CharField(max_length=255, blank=True)
    stripe_charge_id = models.CharField(max_length=255, blank=True, help_text="The last try's.")
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    stripe_subscription_id = models.CharField(max_length=255, blank=True)
    stripe_customer_id = models.CharField(max_length=255, blank=True)
    number = models.CharField(max_length=255, blank=True)
    customer_name = models.CharField(max_length=512, blank=True)
    customer_email = models.CharField(max_length=512, blank=True)
    offer_name = models.CharField(max_length=512, blank=True)
    amount_minor = models.BigIntegerField(help_text="Amount due; smallest currency unit.")
    amount_remaining_minor = models.BigIntegerField()
    amount_refunded_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=32, choices=Status)
    status_detail = models.CharField(max_length=300, blank=True, help_text="The second line.")
    invoice_status = models.CharField(max_length=16, blank=True)
    stripe_goes_on = models.CharField(
        max_length=200, blank=True, help_text="Whether Stripe will try again, in words."
    )
    billing_reason = models.CharField(max_length=64, blank=True)
    is_first_purchase = models.BooleanField(
        default=False, help_text="Its subscription never became active: no case, never past due."
    )
    is_after_trial = models.BooleanField(
        default=False, help_text="The first payment after a trial: no renewal, in no failure rate."
    )
    is_sent = models.BooleanField(
        default=False, help_text="Sent to the customer to be paid by hand (send_invoice)."
    )
    finalized_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="Of a sent invoice.")
    is_processing = models.BooleanField(default=False, help_text="A bank debit is under way.")
    needs_confirmation = models.BooleanField(default=False, help_text="Waits for 3-D Secure.")
    is_paid_elsewhere = models.BooleanField(default=False)
    is_disputed = models.BooleanField(default=False)
    at = models.DateTimeField(help_text="When it was first charged, else created.")
    paid_at = models.DateTimeField(null=True, blank=True)
    first_failed_at = models.DateTimeField(null=True, blank=True)
    last_tried_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0, help_text="Charges that really ran.")
    stripe_attempt_count = models.PositiveIntegerField(default=0)

    failure_code = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    decline_words = models.CharField(max_length=200, blank=True)
    advice_code = models.CharField(max_length=64, blank=True)
    method_type = models.CharField(max_length=64, blank=True)
    method_brand = models.CharField(max_length=64, blank=True)
    method_last4 = models.CharField(max_length=8, blank=True)

    case_id = models.BigIntegerField(null=True, blank=True)
    case_status = models.CharField(max_length=16, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    next_try_by = models.CharField(max_length=16, blank=True, help_text="recoup or stripe")
    recovered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(help_text="When Stripe was asked; older never overwrites newer.")

    objects = TransactionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_id"], name="transaction_unique_stripe_id"
            )
        ]
        indexes = [
            models.Index(fields=["merchant", "-at", "-id"], name="transaction_by_date"),
            models.Index(fields=["merchant", "status", "at", "id"], name="transaction_by_status"),
            models.Index(
                fields=["merchant", "currency", "amount_minor", "id"], name="transaction_by_amount"
            ),
            models.Index(fields=["merchant", "customer_name", "id"], name="transaction_by_name"),
            models.Index(
                "merchant",
                Coalesce("next_try_at", Value(NEVER)),
                "id",
                name="transaction_next_try_sort",
            ),
            models.Index("merchant", Upper("number"), name="transaction_by_number"),
            models.Index(
                fields=["merchant", "stripe_payment_intent_id"], name="transaction_by_intent"
            ),
            models.Index(fields=["merchant", "stripe_charge_id"], name="transaction_by_charge"),
            models.Index(fields=["merchant", "stripe_subscription_id"], name="transaction_by_sub"),
            models.Index(fields=["merchant", "stripe_customer_id"], name="transaction_by_customer"),
            models.Index(
                fields=["merchant", "next_try_at"],
                condition=Q(next_try_at__isnull=False),
                name="transaction_by_next_try",
            ),
            models.Index(
                fields=["merchant", "finalized_at"],
                condition=Q(is_sent=True, invoice_status="open"),
                name="transaction_sent_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)
