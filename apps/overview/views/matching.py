"""Which rules a customer's payments would follow if they failed today."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customers.models import Customer, PaymentMethod
from apps.customers.queries import matching_customers
from apps.dunning import codes
from apps.dunning.money import Money
from apps.dunning.segments import SegmentFacts, first_match
from apps.retry_settings.forms.words import in_words
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services import rules_for
from apps.subscriptions.models import Subscription

MOST_CUSTOMERS = 5
MOST_SUBSCRIPTIONS = 20
ENDED = (Subscription.Status.CANCELED, Subscription.Status.COMPLETED)


@dataclass(frozen=True, slots=True)
class Match:
    """What one subscription would follow; `misses` says why each segment before it does not."""

    customer: Customer
    subscription: Subscription
    policy: str
    rules: str
    misses: tuple[tuple[str, str], ...]


@require_GET
@allow(Role.VIEWER)
def match_segments(request: MerchantRequest) -> HttpResponse:
    """Answer for the customers a search finds."""
    search = request.GET.get("q", "").strip()[:200]
    matches = list(_matches(request.merchant, search, clock.now())) if search else []
    return render(request, "overview/match_segments.html", {"search": search, "matches": matches})


def _matches(merchant: Merchant, search: str, now: dt.datetime) -> Iterator[Match]:
    customers = {
        one.stripe_customer_id: one
        for one in Customer.objects.for_merchant(merchant).filter(
            Q(stripe_customer_id=search)
            | Q(stripe_customer_id__in=matching_customers(merchant=merchant, text=search))
        )[:MOST_CUSTOMERS]
    }
    methods = {
        one.stripe_customer_id: one.type
        for one in PaymentMethod.objects.for_merchant(merchant)
        .filter(stripe_customer_id__in=customers)
        .order_by("read_at")
    }
    policies = list(RetryPolicy.objects.for_merchant(merchant))
    subscriptions = (
        Subscription.objects.for_merchant(merchant)
        .filter(stripe_customer_id__in=customers)
        .exclude(status__in=ENDED)
        .order_by("customer_name", "id")[:MOST_SUBSCRIPTIONS]
    )
    for one in subscriptions:
        customer = customers[one.stripe_customer_id]
        facts = _facts(one, customer, methods.get(one.stripe_customer_id, ""), now)
        place = first_match([policy.conditions for policy in policies], facts)
        yield Match(
            customer=customer,
            subscription=one,
            policy="" if place is None else policies[place].name,
            rules=in_words(rules_for(merchant, facts)),
            misses=tuple(
                (policy.name, ", ".join(policy.conditions.misses(facts)))
                for policy in policies[:place]
            ),
        )


def _facts(
    subscription: Subscription, customer: Customer, method_type: str, now: dt.datetime
) -> SegmentFacts:
    kind = ""
    if method_type:
        is_debit = codes.kind_of(method_type) == "direct_debit"
        kind = "debit" if is_debit else "card" if method_type == "card" else "other"
    return SegmentFacts(
        amount=Money(subscription.amount_minor, subscription.currency),
        product=subscription.stripe_product_id,
        offer=subscription.offer_name,
        interval=subscription.interval,
        tenure_days=(now - subscription.started_at).days,
        country=customer.country,
        method=kind,
    )
