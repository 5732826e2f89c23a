"""Reads of payers that higher apps need."""

from typing import Any

from django.db.models import Q, QuerySet

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod


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


def methods_of(*, merchant: Merchant, customer_id: str) -> QuerySet[PaymentMethod]:
    """Select a customer's cards and debits, the one last changed first."""
    return (
        PaymentMethod.objects.for_merchant(merchant)
        .filter(stripe_customer_id=customer_id)
        .order_by("-data_changed_at", "-id")
    )
