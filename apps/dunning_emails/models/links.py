"""The link by which a customer fixes one failed payment."""

import datetime as dt
import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.recovery.models import RecoveryCase

VALID_AFTER_THE_END = dt.timedelta(days=7)
"""How long a link still answers once its case is closed, or it was made after that."""


class PaymentLinkQuerySet(models.QuerySet["PaymentLink"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class PaymentLink(models.Model):
    """A link to /pay/…/, bound to one case. Only the hash of its token is kept.

    It is valid for the whole case and seven days more, unless it is revoked. One that a customer
    asked for later answers for seven days. Every mail and every copy has a link of its own.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="payment_links")
    case = models.ForeignKey(RecoveryCase, on_delete=models.PROTECT, related_name="payment_links")
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token.")
    made_by = models.CharField(max_length=254, default="Recoup")
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(
        null=True, blank=True, help_text="When a button on its page was first pressed."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    asked_again_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last told that no new one can be sent."
    )
    # Real time: how often the page was asked for in the present minute.
    window_started_at = models.DateTimeField(null=True, blank=True)
    window_uses = models.PositiveSmallIntegerField(default=0)

    objects = PaymentLinkQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["case", "-created_at"], name="link_by_case")]

    def __str__(self) -> str:
        return f"Link {self.pk} of case {self.case_id}"

    def is_valid(self, *, now: dt.datetime) -> bool:
        """Tell whether the link still opens its payment; the case is loaded with it."""
        if self.revoked_at is not None:
            return False
        closed_at = self.case.closed_at
        return closed_at is None or now < max(closed_at, self.created_at) + VALID_AFTER_THE_END


class CheckoutVisitQuerySet(models.QuerySet["CheckoutVisit"]):
    def unsettled(self) -> Self:
        return self.filter(settled_at=None)


class CheckoutVisit(models.Model):
    """One visit to Stripe's page for a new payment method, from a payment link.

    Written before the session is made. What the customer entered is first written down, then used
    for one charge: whoever comes second finds it done.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ENTERED = "entered", "New method entered"
        USED = "used", "New method used"
        ABANDONED = "abandoned", "Left without one"

    link = models.ForeignKey(PaymentLink, on_delete=models.PROTECT, related_name="visits")
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    stripe_session_id = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField()
    entered_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    stripe_payment_method_id = models.CharField(max_length=255, blank=True)
    look_at = models.DateTimeField(help_text="When the session is read again, if nobody came back.")
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Real time; a worker has it in hand."
    )
    why_not = models.CharField(max_length=300, blank=True, help_text="Why nothing was charged.")

    objects = CheckoutVisitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_session_id"],
                condition=~Q(stripe_session_id=""),
                name="visit_unique_session",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "entered"], settled_at=None)
                | Q(status__in=["used", "abandoned"], settled_at__isnull=False),
                name="visit_settled_at_iff_settled",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "abandoned"], stripe_payment_method_id="")
                | Q(status__in=["entered", "used"]) & ~Q(stripe_payment_method_id=""),
                name="visit_method_iff_entered",
            ),
        ]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(settled_at=None), name="visit_to_look_at")
        ]

    def __str__(self) -> str:
        return f"Visit {self.pk} of link {self.link_id} ({self.status})"
