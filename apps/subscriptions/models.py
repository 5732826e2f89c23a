"""Read model: subscriptions and payment plans. Can be dropped and rebuilt from Stripe."""

from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.dunning.money import Money


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def past_due(self) -> Self:
        return self.filter(status=Subscription.Status.PAST_DUE)


class Subscription(models.Model):
    """An open-ended subscription or a payment plan, with what its case and access say."""

    class Kind(models.TextChoices):
        SUBSCRIPTION = "subscription", "Subscription"
        PAYMENT_PLAN = "payment_plan", "Payment plan"

    class Status(models.TextChoices):
        """Stripe's states in Stripe's spelling; Completed is a payment plan paid to its end."""

        INCOMPLETE = "incomplete", "Incomplete"
        INCOMPLETE_EXPIRED = "incomplete_expired", "Incomplete, expired"
        TRIALING = "trialing", "Trialing"
        ACTIVE = "active", "Active"
        PAST_DUE = "past_due", "Past due"
        UNPAID = "unpaid", "Unpaid"
        PAUSED = "paused", "Paused"
        CANCELED = "canceled", "Canceled"
        COMPLETED = "completed", "Completed"

    class Access(models.TextChoices):
        GRANTED = "granted", "Granted"
        BANNER = "banner", "Granted, with a notice"
        LIMITED = "limited", "Limited"
        REVOKED = "revoked", "Revoked"
        KEPT = "kept", "Kept after the end"
        NONE = "none", "None"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="subscriptions")
    stripe_subscription_id = models.CharField(max_length=255)
    stripe_customer_id = models.CharField(max_length=255)
    stripe_product_id = models.CharField(max_length=255, blank=True)
    customer_name = models.CharField(max_length=512, blank=True)
    customer_email = models.CharField(max_length=512, blank=True)
    offer_name = models.CharField(max_length=512, blank=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.SUBSCRIPTION)
    status = models.CharField(max_length=32, choices=Status)
    amount_minor = models.BigIntegerField(help_text="Per interval; smallest currency unit.")
    currency = models.CharField(max_length=3)
    interval = models.CharField(max_length=8)
    interval_count = models.PositiveSmallIntegerField(default=1)
    installments_total = models.PositiveSmallIntegerField(null=True, blank=True)
    installments_paid = models.PositiveSmallIntegerField(default=0)
    installments_missed = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField()
    next_payment_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Pending cancellation.")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_for_nonpayment = models.BooleanField(default=False)
    past_due_since = models.DateTimeField(null=True, blank=True)
    default_method_id = models.CharField(max_length=255, blank=True)
    default_source_id = models.CharField(max_length=255, blank=True)
    defaults_known = models.BooleanField(
        default=False, help_text="Whether the two ids above were ever read; empty may mean none."
    )

    # Written from above: the case by `recovery`'s events, access by `customer_payments`.
    case_id = models.BigIntegerField(null=True, blank=True)
    case_status = models.CharField(max_length=16, blank=True)
    next_step = models.CharField(max_length=16, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    amount_due_minor = models.BigIntegerField(default=0)
    access = models.CharField(max_length=16, choices=Access, default=Access.NONE)
    access_by = models.CharField(max_length=254, blank=True, help_text="“Recoup” or a person.")
    read_at = models.DateTimeField(help_text="When Stripe was asked; older never overwrites newer.")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_subscription_id"],
                name="subscription_unique_stripe_id",
            )
        ]
        indexes = [
            models.Index(fields=["merchant", "-started_at", "-id"], name="subscription_by_start"),
            models.Index(
                fields=["merchant", "status", "-started_at", "-id"], name="subscription_by_status"
            ),
            models.Index(
                fields=["merchant", "stripe_customer_id"], name="subscription_by_customer"
            ),
            models.Index(
                fields=["merchant", "ended_at"],
                condition=Q(ended_at__isnull=False),
                name="subscription_by_end",
            ),
            models.Index(
                fields=["merchant"],
                condition=Q(
                    status__in=["active", "trialing"], access__in=["banner", "limited", "revoked"]
                ),
                name="subscription_paid_not_let_in",
            ),
            models.Index(
                fields=["merchant", "past_due_since"],
                condition=Q(status="past_due"),
                name="subscription_past_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_subscription_id} ({self.status})"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)
