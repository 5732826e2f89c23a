"""The endpoints, one module per area of Stripe's API."""

import importlib

_MODULES = (
    "accounts",
    "billing_portal",
    "catalog",
    "charges",
    "checkout",
    "credit_notes",
    "customers",
    "disputes",
    "events",
    "invoice_items",
    "invoices",
    "payment_intents",
    "payment_methods",
    "schedules",
    "setup_intents",
    "subscription_items",
    "subscriptions",
    "test_clocks",
    "webhook_endpoints",
)


def load() -> None:
    """Register every route."""
    for name in _MODULES:
        importlib.import_module(f"sandbox.resources.{name}")
