"""Checkout in setup mode: Stripe's own page where a customer enters a new card.

A session is made when somebody asks for it and lives for an hour; its address is stored nowhere.
Source: https://docs.stripe.com/payments/save-and-reuse
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from apps.stripe_gateway.connection import body_of, options, stripe_client
from apps.stripe_gateway.readers.common import Json, ident, own_id, text
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount

SESSION_LIFE = dt.timedelta(hours=1)
"""Stripe allows 30 minutes to 24 hours."""


@dataclass(frozen=True, slots=True)
class SetupSession:
    """One visit to Stripe's page. `payment_method_id` is "" until the customer has finished."""

    id: str
    status: str  # open | complete | expired
    url: str
    customer_id: str
    payment_method_id: str


def create_setup_session(
    *,
    account: StripeAccount,
    customer_id: str,
    currency: str,
    success_url: str,
    cancel_url: str,
    now: dt.datetime,
    key: str,
) -> SetupSession:
    """Make a page where this customer enters a payment method for this and later payments.

    Which kinds are offered is set in Stripe, for the currency.
    """
    params: Any = {
        "mode": "setup",
        "customer": customer_id,
        "currency": currency,
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int((now + SESSION_LIFE).timestamp()),
        "expand": ["setup_intent"],
    }
    with our_errors():
        answer = stripe_client().v1.checkout.sessions.create(params, options(account, key=key))
    return _session(body_of(answer))


def read_setup_session(*, account: StripeAccount, session_id: str) -> SetupSession:
    """Read what became of a visit to Stripe's page."""
    with our_errors():
        answer = stripe_client().v1.checkout.sessions.retrieve(
            session_id, {"expand": ["setup_intent"]}, options(account)
        )
    return _session(body_of(answer))


def _session(answer: Json) -> SetupSession:
    return SetupSession(
        id=own_id(answer, "checkout session"),
        status=text(answer, "status"),
        url=text(answer, "url"),
        customer_id=ident(answer, "customer"),
        payment_method_id=ident(answer, "setup_intent", "payment_method"),
    )
