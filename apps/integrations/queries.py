"""Reads for the API and for the pages of tokens and endpoints."""

from dataclasses import dataclass

from django.db.models import (
    Case,
    Count,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import JSONObject

from apps.accounts.models import Merchant
from apps.integrations.models import ApiToken, Delivery, WebhookEndpoint
from apps.subscriptions.models import Subscription

State = Subscription.Access

ALLOWED = (State.GRANTED, State.KEPT, State.BANNER, State.LIMITED)


@dataclass(frozen=True, slots=True)
class AccessAnswer:
    """What the API answers a token; `state` is "" for a customer and offer nobody knows."""

    token_id: int
    state: str
    subscription: str
    status: str

    @property
    def is_allowed(self) -> bool:
        return self.state in ALLOWED


def access_answer(*, digest: str, customer: str, offer: str) -> AccessAnswer | None:
    """Say what a token's merchant lets a customer use; None for an unknown token. One query.

    Where a customer has the offer by several subscriptions, the best one counts.
    """
    rank = Case(
        When(access__in=[State.GRANTED, State.KEPT], then=0),
        When(status=Subscription.Status.COMPLETED, access=State.NONE, then=0),
        When(access=State.BANNER, then=1),
        When(access=State.LIMITED, then=2),
        When(access=State.REVOKED, then=3),
        default=Value(4),
        output_field=IntegerField(),
    )
    best = (
        Subscription.objects.filter(
            merchant_id=OuterRef("merchant_id"),
            stripe_customer_id=customer,
            stripe_product_id=offer,
        )
        .order_by(rank, "-started_at", "-id")
        .values(
            found=JSONObject(state="access", status="status", subscription="stripe_subscription_id")
        )
    )
    row = (
        ApiToken.objects.usable()
        .filter(digest=digest)
        .values_list("pk", Subquery(best[:1]))
        .first()
    )
    if row is None:
        return None
    token_id, found = row
    if found is None:
        return AccessAnswer(token_id, "", "", "")
    state = found["state"]
    if state == State.NONE and found["status"] == Subscription.Status.COMPLETED:
        state = State.GRANTED  # a payment plan paid to its end keeps what it bought
    return AccessAnswer(token_id, str(state), found["subscription"], found["status"])


def endpoints(*, merchant: Merchant) -> QuerySet[WebhookEndpoint]:
    """Select the endpoints with how much waits and how much was given up, active ones first."""
    return (
        WebhookEndpoint.objects.for_merchant(merchant)
        .annotate(
            waiting=Count("deliveries", filter=Q(deliveries__status=Delivery.Status.PENDING)),
            failed=Count("deliveries", filter=Q(deliveries__status=Delivery.Status.FAILED)),
        )
        .order_by("disabled_at", "id")
    )


def switched_off(*, merchant: Merchant) -> QuerySet[WebhookEndpoint]:
    """Select endpoints that Recoup disabled itself; Home and an alert say so."""
    return WebhookEndpoint.objects.for_merchant(merchant).filter(disabled_by="Recoup")


def deliveries(*, merchant: Merchant, endpoint_id: int, status: str = "") -> QuerySet[Delivery]:
    """Select the deliveries of an endpoint, newest first."""
    rows = Delivery.objects.for_merchant(merchant).filter(endpoint_id=endpoint_id)
    if status in Delivery.Status.values:
        rows = rows.filter(status=status)
    return rows.select_related("event").order_by("-created_at", "-id")
