"""What a restricted key may do, found out by trying. Nothing is made or changed by it.

Stripe refuses for want of a permission before it looks for the object: what is asked about an
object that does not exist is refused (403) or not found, and no third.
"""

from collections.abc import Callable
from typing import Any

from apps.stripe_gateway.connection import options, stripe_client
from apps.stripe_gateway.errors import (
    AccessDenied,
    BadRequest,
    InvoiceNotOpen,
    NoPaymentMethod,
    NotFound,
)
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount

NOBODY = "recoup_looks_what_this_key_may_do"
"""No id of Stripe's looks like this one."""

PAGE = "https://example.com/"


def missing_permissions(*, account: StripeAccount) -> tuple[str, ...]:
    """Name what the key lacks of all that Recoup does with it, as Stripe's page of keys names it."""
    return tuple(name for name, allowed in try_permissions(account=account).items() if not allowed)


def try_permissions(*, account: StripeAccount) -> dict[str, bool]:
    """Say for everything that Recoup does with the key whether it may; a call for each."""
    tried = {**_reads(account), **_writes(account)}
    return {name: _may(call) for name, call in tried.items()}


def _reads(account: StripeAccount) -> dict[str, Callable[[], object]]:
    v1, chosen = stripe_client().v1, options(account)
    one: Any = {"limit": 1}
    return {
        "Charges (read)": lambda: v1.charges.list(one, chosen),
        "Customers (read)": lambda: v1.customers.list(one, chosen),
        "Events (read)": lambda: v1.events.list(one, chosen),
        "Invoice payments (read)": lambda: v1.invoice_payments.list(one, chosen),
        "Invoices (read)": lambda: v1.invoices.list(one, chosen),
        "PaymentIntents (read)": lambda: v1.payment_intents.list(one, chosen),
        "PaymentMethods (read)": lambda: v1.payment_methods.retrieve(f"pm_{NOBODY}", {}, chosen),
        "Products (read)": lambda: v1.products.list(one, chosen),
        "Subscriptions (read)": lambda: v1.subscriptions.list(one, chosen),
        "Webhook endpoints (read)": lambda: v1.webhook_endpoints.list(one, chosen),
    }


def _writes(account: StripeAccount) -> dict[str, Callable[[], object]]:
    v1, chosen = stripe_client().v1, options(account)
    nothing: Any = {"metadata": {}}
    session: Any = {"mode": "setup", "customer": f"cus_{NOBODY}", "success_url": PAGE}
    note: Any = {"invoice": f"in_{NOBODY}", "amount": 1}
    return {
        "Checkout Sessions (write)": lambda: v1.checkout.sessions.create(session, chosen),
        "Credit notes (write)": lambda: v1.credit_notes.create(note, chosen),
        "Customers (write)": lambda: v1.customers.update(f"cus_{NOBODY}", nothing, chosen),
        "Invoices (write)": lambda: v1.invoices.update(f"in_{NOBODY}", nothing, chosen),
        "Subscriptions (write)": lambda: v1.subscriptions.update(f"sub_{NOBODY}", nothing, chosen),
        "Webhook endpoints (write)": lambda: v1.webhook_endpoints.update(
            f"we_{NOBODY}", nothing, chosen
        ),
    }


def _may(call: Callable[[], object]) -> bool:
    try:
        with our_errors():
            call()
    except AccessDenied:
        return False
    except (NotFound, BadRequest, NoPaymentMethod, InvoiceNotOpen):
        pass  # it may: what it was asked about does not exist
    return True
