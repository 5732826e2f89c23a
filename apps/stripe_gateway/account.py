"""Calls about the account itself: whose key it is, what it may do, events and webhook endpoints."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from django.conf import settings

from apps.stripe_gateway.connection import body_of, key_is_live, options, stripe_client
from apps.stripe_gateway.errors import AccessDenied
from apps.stripe_gateway.facts import AccountInfo
from apps.stripe_gateway.readers.common import dig, own_id, rows, text
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount

TYPES_PER_CALL = 20
"""Stripe filters events by at most so many types. Source: https://docs.stripe.com/api/events/list"""


def check_key() -> AccountInfo:
    """Read the account behind the key of the settings.

    Raises:
        AccessDenied: the key is wrong, or restricted (those may not read their own account).
    """
    with our_errors():
        answer = body_of(stripe_client().v1.accounts.retrieve_current())
    profile = dig(answer, "business_profile")
    return AccountInfo(
        id=own_id(answer, "account"),
        livemode=key_is_live(),
        name=text(profile, "name") or text(answer, "settings", "dashboard", "display_name"),
        country=text(answer, "country"),
        default_currency=text(answer, "default_currency"),
        charges_enabled=dig(answer, "charges_enabled") is not False,
    )


READS = (
    "Charges",
    "Customers",
    "Events",
    "Invoices",
    "PaymentIntents",
    "Products",
    "Subscriptions",
    "Webhook endpoints",
)
"""What the key must be able to read; `missing_permissions` tries each."""

WRITES = ("Checkout Sessions", "Customers", "Invoices", "Subscriptions", "Webhook endpoints")
"""What it must be able to change. No harmless call could tell."""


def missing_permissions(*, account: StripeAccount) -> tuple[str, ...]:
    """Name what the key may not read, by trying a list of one of each."""
    v1 = stripe_client().v1
    one: Any = {"limit": 1}
    chosen = options(account)
    lists: dict[str, Callable[[], object]] = {
        "Charges": lambda: v1.charges.list(one, chosen),
        "Customers": lambda: v1.customers.list(one, chosen),
        "Events": lambda: v1.events.list(one, chosen),
        "Invoices": lambda: v1.invoices.list(one, chosen),
        "PaymentIntents": lambda: v1.payment_intents.list(one, chosen),
        "Products": lambda: v1.products.list(one, chosen),
        "Subscriptions": lambda: v1.subscriptions.list(one, chosen),
        "Webhook endpoints": lambda: v1.webhook_endpoints.list(one, chosen),
    }
    return tuple(name for name, read in lists.items() if not _may(read))


def webhook_endpoint_at(*, url: str) -> str:
    """Find the webhook endpoint that already posts to an address; "" when there is none."""
    with our_errors():
        answer = body_of(stripe_client().v1.webhook_endpoints.list({"limit": 100}))
    found = (one for one in rows(answer) if text(one, "url") == url)
    return next((text(one, "id") for one in found), "")


def create_webhook_endpoint(*, url: str, events: Sequence[str], connect: bool) -> str:
    """Create a webhook endpoint at the pinned API version; answers its signing secret.

    Stripe tells the secret this once; it is for the environment and stored nowhere.
    """
    params: Any = {
        "url": url,
        "enabled_events": list(events),
        "api_version": settings.STRIPE_API_VERSION,
        "connect": connect,
        "description": "Recoup",
    }
    with our_errors():
        answer = stripe_client().v1.webhook_endpoints.create(params)
    return text(body_of(answer), "secret")


def list_events(
    *, account: StripeAccount, since: dt.datetime, types: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Give the raw events created at or after `since`, newest first, as Stripe would send them.

    Stripe keeps events for 30 days.
    """
    params: Any = {"created": {"gte": int(since.timestamp())}, "limit": 100}
    if len(types) <= TYPES_PER_CALL:
        params["types"] = list(types)
    while True:
        with our_errors():
            answer = body_of(stripe_client().v1.events.list(params, options(account)))
        page = list(rows(answer))
        yield from (cast(dict[str, Any], event) for event in page if text(event, "type") in types)
        if not dig(answer, "has_more") or not page:
            return
        params["starting_after"] = text(page[-1], "id")


def _may(read: Callable[[], object]) -> bool:
    try:
        with our_errors():
            read()
    except AccessDenied:
        return False
    return True
