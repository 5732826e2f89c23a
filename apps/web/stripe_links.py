"""Addresses of Stripe's own dashboard. None where we talk to a stand-in: nothing is there."""

from django.conf import settings

from apps.accounts.models import Merchant

DASHBOARD = "https://dashboard.stripe.com"
REAL_API = "https://api.stripe.com"

PAGES = {
    "in": "invoices",
    "sub": "subscriptions",
    "cus": "customers",
    "pi": "payments",
    "ch": "payments",
    "prod": "products",
}
"""Which page shows an object, by the letters its id begins with."""

PLACES = {
    "failed_payments": "payments?status%5B0%5D=failed",
    "revenue_recovery": "revenue_recovery",
    "customer_mails": "settings/billing/automatic",
}


def object_url(stripe_id: str, merchant: Merchant | None) -> str:
    """Give the address that shows one object; "" where there is none."""
    page = PAGES.get(stripe_id.partition("_")[0])
    return _address(f"{page}/{stripe_id}", merchant) if page else ""


def place_url(name: str, merchant: Merchant | None) -> str:
    """Give the address of one of `PLACES`; "" where there is none."""
    return _address(PLACES[name], merchant)


def _address(path: str, merchant: Merchant | None) -> str:
    if merchant is None or settings.STRIPE_API_BASE != REAL_API:
        return ""
    parts = [DASHBOARD]
    if merchant.is_connected:
        parts.append(merchant.stripe_account_id)
    if not merchant.livemode:
        parts.append("test")
    return "/".join([*parts, path])
