"""Reads of payers that higher apps need."""

from collections import Counter, defaultdict
from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod
from apps.dunning.facts import Method
from apps.dunning.limits import DEBIT_SCHEMES


def matching_customers(*, merchant: Merchant, text: str) -> QuerySet[Customer, Any]:
    """Select the Stripe ids of customers whose name or email contains a text, for a subquery."""
    return (
        Customer.objects.for_merchant(merchant)
        .filter(Q(email__icontains=text) | Q(name__icontains=text))
        .values("stripe_customer_id")
    )


def zone_of_customer(*, merchant: Merchant, customer_id: str) -> str:
    """Return the IANA zone in which a customer's local times are meant, else the merchant's."""
    zone = (
        Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=customer_id)
        .values_list("time_zone", flat=True)
        .first()
    )
    return zone or merchant.time_zone


def method_of(row: PaymentMethod) -> Method:
    """Give a payment method on file as decisions read it."""
    return Method(
        reference=row.stripe_payment_method_id,
        type=row.type,
        brand=row.brand,
        last4=row.last4,
        fingerprint=row.fingerprint,
        funding=row.funding,
        country=row.country,
        exp_month=row.exp_month,
        exp_year=row.exp_year,
        changed_at=row.data_changed_at,
        mandate=row.mandate,
    )


def mandates_of_debits(*, merchant: Merchant) -> dict[str, Counter[str]]:
    """Count the bank accounts on file by type and then by the state of their mandate."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = (
        PaymentMethod.objects.for_merchant(merchant)
        .filter(type__in=DEBIT_SCHEMES)
        .exclude(stripe_customer_id="")
        .values_list("type", "mandate")
        .annotate(n=Count("id"))
    )
    for method_type, mandate, number in rows:
        found[method_type][mandate] += number
    return found


def methods_of(*, merchant: Merchant, customer_id: str) -> QuerySet[PaymentMethod]:
    """Select a customer's cards and debits, the one last changed first."""
    return (
        PaymentMethod.objects.for_merchant(merchant)
        .filter(stripe_customer_id=customer_id)
        .order_by("-data_changed_at", "-id")
    )
