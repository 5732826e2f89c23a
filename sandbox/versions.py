"""Stripe's API versions: today's shape is stored, the shape before basil is made from it.

Source: https://docs.stripe.com/changelog/basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices
"""

from typing import Any

from sandbox.types import Obj

DEFAULT_VERSION = "2026-08-26.dahlia"
FIRST_BASIL = "2025-03-31"
FIRST_WITHOUT_ITERATIONS = "2025-09-30"


def is_old(version: str) -> bool:
    """Whether this is the shape up to 2025-02-24.acacia."""
    return version[:10] < FIRST_BASIL


def knows_iterations(version: str) -> bool:
    """Whether schedule phases are counted in iterations, as before clover."""
    return version[:10] < FIRST_WITHOUT_ITERATIONS


def to_old(stored: Obj, public: Obj) -> Obj:
    """Give a rendered object the shape it had until acacia."""
    change = _CHANGES.get(stored.get("object", ""))
    if change is not None:
        change(stored, public)
    return public


def _invoice(stored: Obj, public: Obj) -> None:
    details = (stored.get("parent") or {}).get("subscription_details")
    for gone in ("parent", "amount_overpaid", "total_taxes", "confirmation_secret", "payments"):
        public.pop(gone, None)
    public["charge"] = stored.get("_charge")
    public["payment_intent"] = stored.get("_payment_intent")
    public["subscription"] = stored.get("_subscription")
    public["subscription_details"] = {"metadata": details["metadata"] if details else None}
    public["paid"] = stored["status"] == "paid"
    public["paid_out_of_band"] = bool(stored.get("_out_of_band"))
    public["quote"] = None
    public["tax"] = None
    public["total_tax_amounts"] = []
    public["discount"] = None
    public["application_fee_amount"] = None
    public["transfer_data"] = None


def _line_item(stored: Obj, public: Obj) -> None:
    parent = stored["parent"]
    item = parent.get("subscription_item_details")
    for gone in ("parent", "pricing", "taxes", "subtotal", "quantity_decimal"):
        public.pop(gone, None)
    public["type"] = "subscription" if item else "invoiceitem"
    public["subscription"] = stored.get("_subscription")
    public["proration"] = False
    public["proration_details"] = {"credited_items": None}
    public["price"] = stored.get("_price")
    public["plan"] = plan_of(stored.get("_price"))
    public["tax_amounts"] = []
    public["tax_rates"] = []
    if item:
        public["subscription_item"] = item["subscription_item"]
    else:
        public["invoice_item"] = parent["invoice_item_details"]["invoice_item"]


def _charge(stored: Obj, public: Obj) -> None:
    public["invoice"] = stored.get("_invoice")


def _payment_intent(stored: Obj, public: Obj) -> None:
    public.pop("payment_details", None)
    public["invoice"] = stored.get("_invoice")


def _subscription(stored: Obj, public: Obj) -> None:
    items = stored["items"]["data"]
    public.pop("billing_schedules", None)
    public["current_period_start"] = items[0]["current_period_start"]
    public["current_period_end"] = items[0]["current_period_end"]
    public["discount"] = None
    public["plan"] = plan_of(items[0]["price"]) if len(items) == 1 else None
    public["quantity"] = items[0]["quantity"] if len(items) == 1 else None


def _subscription_item(stored: Obj, public: Obj) -> None:
    public.pop("current_period_start", None)
    public.pop("current_period_end", None)


def _invoiceitem(stored: Obj, public: Obj) -> None:
    for gone in ("parent", "pricing", "net_amount", "quantity_decimal"):
        public.pop(gone, None)
    public["price"] = stored.get("_price")
    public["plan"] = None
    public["subscription"] = stored.get("_subscription")
    public["unit_amount"] = stored["amount"]


def plan_of(price: Any) -> Obj | None:
    """Return the old twin of a recurring price."""
    if not price or not price.get("recurring"):
        return None
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": price["metadata"],
        "nickname": price["nickname"],
        "product": price["product"],
        "usage_type": "licensed",
    }


_CHANGES = {
    "invoice": _invoice,
    "line_item": _line_item,
    "charge": _charge,
    "payment_intent": _payment_intent,
    "subscription": _subscription,
    "subscription_item": _subscription_item,
    "invoiceitem": _invoiceitem,
}
