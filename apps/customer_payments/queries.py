"""Whom a change of the access settings would concern."""

from dataclasses import dataclass

from django.db.models import Count, Q

from apps.accounts.models import Merchant
from apps.customer_payments.models import Access
from apps.recovery.models import RecoveryCase


@dataclass(frozen=True, slots=True)
class PastDue:
    """Customers with a failed payment now, and how many of them have lost access."""

    customers: int
    revoked: int


def past_due(*, merchant: Merchant) -> PastDue:
    """Count customers with an open case of a subscription or payment plan; two queries."""
    cases = (
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .exclude(kind=RecoveryCase.Kind.ONE_OFF)
        .exclude(stripe_customer_id="")
    )
    revoked = Access.objects.for_merchant(merchant).filter(
        Q(state=Access.State.REVOKED),
        stripe_subscription_id__in=cases.values("stripe_subscription_id"),
    )
    return PastDue(
        customers=cases.aggregate(n=Count("stripe_customer_id", distinct=True))["n"],
        revoked=revoked.aggregate(n=Count("stripe_customer_id", distinct=True))["n"],
    )
