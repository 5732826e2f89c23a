"""Calls about the account itself: whose key it is, events and webhook endpoints."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.conf import settings

from apps.stripe_gateway.connection import body_of, key_is_live, options, stripe_client
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
