"""The one door to Stripe: every call the product makes, in our words and with our errors.

Nothing here runs inside a transaction. `account` is whose Stripe account is meant (a Merchant
fits); the key comes from the settings. Reads may be repeated by the library; a pay call never is.
Every object read is kept for the mirror (`mirror.keep`).
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from apps.dunning.facts import Method
from apps.stripe_gateway.facts import (
    AccountInfo,
    ChargeFacts,
    CustomerFacts,
    InvoiceFacts,
    SubscriptionFacts,
)


class StripeAccount(Protocol):
    """Whose account a call is about: the platform's own, or one connected to it."""

    @property
    def stripe_account_id(self) -> str: ...
    @property
    def livemode(self) -> bool: ...
    @property
    def is_connected(self) -> bool: ...


def read_invoice(*, account: StripeAccount, invoice_id: str) -> InvoiceFacts:
    """Read an invoice with its customer, subscription, methods and every charge made for it."""
    raise NotImplementedError


def read_subscription(*, account: StripeAccount, subscription_id: str) -> SubscriptionFacts:
    """Read a subscription with its default payment method and payment plan."""
    raise NotImplementedError


def read_customer(*, account: StripeAccount, customer_id: str) -> CustomerFacts:
    """Read a customer with the default payment method; a deleted one answers `is_deleted`."""
    raise NotImplementedError


def read_charge(*, account: StripeAccount, charge_id: str) -> ChargeFacts:
    """Read one charge; its invoice is named where Stripe names it."""
    raise NotImplementedError


def read_payment_method(*, account: StripeAccount, payment_method_id: str) -> tuple[Method, str]:
    """Read a payment method; answers it and its customer's id ("" when detached)."""
    raise NotImplementedError


def invoice_of_payment_intent(*, account: StripeAccount, payment_intent_id: str) -> str:
    """Find the invoice an intent pays; "" when it pays none."""
    raise NotImplementedError


def pay_invoice(
    *, account: StripeAccount, invoice_id: str, key: str, payment_method_id: str = ""
) -> InvoiceFacts:
    """Charge an open invoice once, off-session; the answer is the fresh read.

    `key` is the idempotency key of this one intended try; a repeat with it never charges twice.
    """
    raise NotImplementedError


def stop_stripe_retries(*, account: StripeAccount, invoice_id: str, key: str) -> InvoiceFacts:
    """Set `auto_advance=false`: Stripe stops trying, reminding and ending on this invoice."""
    raise NotImplementedError


def cancel_subscription(
    *, account: StripeAccount, subscription_id: str, key: str
) -> SubscriptionFacts:
    """End a subscription now; its open invoices stay open."""
    raise NotImplementedError


def list_events(
    *, account: StripeAccount, since: dt.datetime, types: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Give the raw events created at or after `since`, newest first, as Stripe would send them."""
    raise NotImplementedError


def check_key() -> AccountInfo:
    """Read the account behind the key of the settings."""
    raise NotImplementedError


def create_webhook_endpoint(*, url: str, events: Sequence[str], connect: bool) -> str:
    """Create a webhook endpoint at the pinned API version; answers its signing secret."""
    raise NotImplementedError
