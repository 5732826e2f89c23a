"""The library's client with our settings, and one call's options."""

from typing import Any, Protocol, cast

import stripe
from django.conf import settings

from apps.stripe_gateway.errors import AccessDenied
from apps.stripe_gateway.readers.common import Json
from apps.stripe_gateway.transport import StripeAccount, http_client

READ_RETRIES = 1
"""How often the library may repeat a call by itself, with the same idempotency key."""


class _Answered(Protocol):
    @property
    def last_response(self) -> Any: ...


def stripe_client() -> stripe.StripeClient:
    """Make a client with the real key, the pinned API version and the configured address."""
    return stripe.StripeClient(
        settings.GATEWAY_STRIPE_KEY,
        stripe_version=settings.STRIPE_API_VERSION,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=http_client(),
    )


def key_is_live() -> bool:
    """Tell the mode from the key: "sk_live_…" or "sk_test_…"."""
    return bool(settings.STRIPE_LIVE_MODE)


def key_is_restricted() -> bool:
    """Tell whether the key may do only what it was granted; it then cannot read its account."""
    return str(settings.GATEWAY_STRIPE_KEY).startswith("rk_")


def options(
    account: StripeAccount, *, key: str = "", retries: int = READ_RETRIES
) -> stripe.RequestOptions:
    """Build one call's options: the account header where it is connected, the idempotency key.

    Raises:
        AccessDenied: the account is in live mode and our key is not, or the other way round.
    """
    if account.livemode != key_is_live():
        raise AccessDenied("wrong_mode", "the key and the account are not in the same mode")
    chosen: stripe.RequestOptions = {"max_network_retries": retries}
    if account.is_connected:
        chosen["stripe_account"] = account.stripe_account_id
    if key:
        chosen["idempotency_key"] = key
    return chosen


def body_of(answer: _Answered) -> Json:
    """Give the JSON as Stripe sent it."""
    return cast(Json, answer.last_response.data)
