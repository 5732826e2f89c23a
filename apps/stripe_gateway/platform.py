"""Connect: a merchant lets our platform act for their Stripe account, and takes that back.

Only the account's id is kept. The tokens Stripe answers with are dropped unread: calls are made
with the platform's own key and the account's name.

Source: https://docs.stripe.com/connect/oauth-reference
"""

from typing import Any
from urllib.parse import urlencode

import stripe
from django.conf import settings

from apps.stripe_gateway.connection import body_of, key_is_live
from apps.stripe_gateway.errors import AccessDenied, BadRequest
from apps.stripe_gateway.readers.common import dig, text
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import http_client


def authorize_url(*, state: str, back: str) -> str:
    """Give the page of Stripe where the merchant says yes; "" where Connect is not configured.

    Stripe sends them to `back` with `code` and our `state`; `back` must be registered there.
    """
    if not settings.STRIPE_CONNECT_CLIENT_ID:
        return ""
    wanted = {
        "response_type": "code",
        "client_id": settings.STRIPE_CONNECT_CLIENT_ID,
        "scope": "read_write",
        "state": state,
        "redirect_uri": back,
    }
    return f"{settings.STRIPE_CONNECT_BASE}/oauth/v2/authorize?{urlencode(wanted)}"


def redeem(*, code: str) -> str:
    """Turn the code Stripe sent the merchant back with into their account's id.

    Raises:
        BadRequest: the code is used, too old (five minutes) or none of ours.
        AccessDenied: it is for the other mode than our key's.
    """
    params: Any = {"grant_type": "authorization_code", "code": code}
    with our_errors():
        answer = body_of(_client().oauth.token(params))
    account_id = text(answer, "stripe_user_id")
    if not account_id:
        raise BadRequest("no_account", "Stripe named no account")
    if bool(dig(answer, "livemode")) != key_is_live():
        raise AccessDenied("wrong_mode", "the account was connected in the other mode")
    return account_id


def disconnect(*, account_id: str) -> None:
    """Give the access to an account back to Stripe; from then on every call for it is refused.

    Raises:
        AccessDenied: we have none any more.
    """
    params: Any = {
        "client_id": settings.STRIPE_CONNECT_CLIENT_ID,
        "stripe_user_id": account_id,
    }
    with our_errors():
        _client().oauth.deauthorize(params)


def _client() -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.GATEWAY_STRIPE_KEY,
        client_id=settings.STRIPE_CONNECT_CLIENT_ID or None,
        stripe_version=settings.STRIPE_API_VERSION,
        base_addresses={
            "api": settings.STRIPE_API_BASE,
            "connect": settings.STRIPE_CONNECT_BASE,
        },
        http_client=http_client(),
    )
