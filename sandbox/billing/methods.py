"""Payment methods: which one pays an invoice, in Stripe's order.

Source: https://docs.stripe.com/billing/subscriptions/overview
"""

from sandbox.books import Books
from sandbox.types import Obj

# Methods whose result comes days later.
BANK_DEBITS = frozenset(
    {
        "acss_debit",
        "au_becs_debit",
        "bacs_debit",
        "nz_bank_account",
        "sepa_debit",
        "us_bank_account",
    }
)


def method_for(books: Books, invoice: Obj) -> Obj | None:
    """Return the method Stripe charges: the invoice's own, the subscription's, the customer's."""
    customer = books.find("customer", invoice["customer"]) or {}
    subscription = books.find("subscription", invoice["_subscription"]) or {}
    order = (
        invoice["default_payment_method"],
        invoice["default_source"],
        subscription.get("default_payment_method"),
        subscription.get("default_source"),
        (customer.get("invoice_settings") or {}).get("default_payment_method"),
        customer.get("default_source"),
    )
    for id in order:
        method = books.find("payment_method", id)
        if method is not None:
            return method
    return None


def is_indian(method: Obj) -> bool:
    return bool(method["type"] == "card" and method["card"]["country"] == "IN")
