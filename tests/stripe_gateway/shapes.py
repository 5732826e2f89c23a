"""Stripe's objects as its API sends them, in the shapes before and since 2025-03-31.basil."""

from typing import Any

FAILED_AT = 1_763_000_000
Obj = dict[str, Any]


def card(pm_id: str = "pm_1", **card_fields: Any) -> Obj:
    return {
        "id": pm_id,
        "object": "payment_method",
        "type": "card",
        "customer": "cus_1",
        "created": FAILED_AT - 9999,
        "livemode": False,
        "metadata": {},
        "billing_details": {"address": {"country": "CA", "state": "BC", "postal_code": "V5K"}},
        "card": {
            "brand": "visa",
            "last4": "4242",
            "fingerprint": "fp_1",
            "funding": "credit",
            "country": "US",
            "exp_month": 12,
            "exp_year": 2027,
        }
        | card_fields,
    }


def charge(charge_id: str = "ch_1", **fields: Any) -> Obj:
    """Make a charge declined for lack of funds."""
    return {
        "id": charge_id,
        "object": "charge",
        "amount": 14900,
        "amount_captured": 0,
        "amount_refunded": 0,
        "created": FAILED_AT,
        "currency": "usd",
        "customer": "cus_1",
        "disputed": False,
        "failure_code": "card_declined",
        "failure_message": "Your card has insufficient funds.",
        "livemode": False,
        "metadata": {},
        "outcome": {
            "advice_code": "try_again_later",
            "network_advice_code": "03",
            "network_decline_code": "51",
            "network_status": "declined_by_network",
            "reason": "insufficient_funds",
            "type": "issuer_declined",
        },
        "payment_intent": "pi_1",
        "payment_method": "pm_1",
        "payment_method_details": {"type": "card", "card": card()["card"]},
        "refunded": False,
        "status": "failed",
    } | fields


def paid_charge(charge_id: str = "ch_2", **fields: Any) -> Obj:
    good = {
        "status": "succeeded",
        "created": FAILED_AT + 60,
        "failure_code": None,
        "failure_message": None,
        "outcome": {"type": "authorized", "network_status": "approved_by_network", "reason": None},
    }
    return charge(charge_id, **(good | fields))


def error(**fields: Any) -> Obj:
    """Make the `error` of a 402, which is also an intent's `last_payment_error`."""
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "advice_code": "try_again_later",
        "network_advice_code": "03",
        "network_decline_code": "51",
        "charge": "ch_1",
        "payment_method": card(),
    } | fields


def intent(**fields: Any) -> Obj:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 14900,
        "amount_received": 0,
        "client_secret": "pi_1_secret_planted",
        "created": FAILED_AT,
        "currency": "usd",
        "customer": "cus_1",
        "last_payment_error": error(),
        "latest_charge": "ch_1",
        "livemode": False,
        "metadata": {},
        "payment_method": None,
        "payment_details": {"order_reference": "in_1"},
        "status": "requires_payment_method",
    } | fields


def paid_intent(**fields: Any) -> Obj:
    good = {
        "status": "succeeded",
        "amount_received": 14900,
        "last_payment_error": None,
        "latest_charge": "ch_2",
        "payment_method": "pm_1",
    }
    return intent(**(good | fields))


def payment(payment_intent: object = None, **fields: Any) -> Obj:
    return {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "is_default": True,
        "status": "open",
        "payment": {"type": "payment_intent", "payment_intent": payment_intent or intent()},
    } | fields


def customer(**fields: Any) -> Obj:
    return {
        "id": "cus_1",
        "object": "customer",
        "name": "Ada Löwe",
        "email": "ada@example.com",
        "address": None,
        "created": FAILED_AT - 9999,
        "currency": "usd",
        "livemode": False,
        "metadata": {},
        "default_source": None,
        "invoice_settings": {"default_payment_method": card()},
    } | fields


def price(**fields: Any) -> Obj:
    return {
        "id": "price_1",
        "object": "price",
        "active": True,
        "livemode": False,
        "metadata": {},
        "type": "recurring",
        "currency": "usd",
        "product": "prod_1",
        "unit_amount": 14900,
        "recurring": {"interval": "month", "interval_count": 1},
    } | fields


def item(**fields: Any) -> Obj:
    return {
        "id": "si_1",
        "object": "subscription_item",
        "created": FAILED_AT - 86400,
        "metadata": {},
        "subscription": "sub_1",
        "quantity": 1,
        "current_period_end": FAILED_AT + 30 * 86400,
        "price": price(),
    } | fields


def subscription(**fields: Any) -> Obj:
    return {
        "id": "sub_1",
        "object": "subscription",
        "status": "past_due",
        "currency": "usd",
        "created": FAILED_AT - 86400,
        "start_date": FAILED_AT - 86400,
        "customer": "cus_1",
        "cancel_at_period_end": False,
        "default_payment_method": None,
        "default_source": None,
        "latest_invoice": "in_1",
        "livemode": False,
        "metadata": {},
        "schedule": None,
        "items": {"object": "list", "data": [item()], "has_more": False, "url": "/v1/items"},
    } | fields


def line(**fields: Any) -> Obj:
    return {
        "id": "il_1",
        "object": "line_item",
        "amount": 14900,
        "currency": "usd",
        "description": "1 \u00d7 Gold Membership (at $149.00 / month)",
        "parent": {"type": "subscription_item_details", "subscription_item_details": {}},
        "pricing": {"price_details": {"price": "price_1", "product": "prod_1"}},
    } | fields


def invoice(**fields: Any) -> Obj:
    """Make a failed renewal in today's shape, expanded as the gateway asks for it."""
    return {
        "id": "in_1",
        "object": "invoice",
        "amount_due": 14900,
        "amount_paid": 0,
        "amount_remaining": 14900,
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": True,
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "created": FAILED_AT - 3600,
        "currency": "usd",
        "customer": customer(),
        "default_payment_method": None,
        "default_source": None,
        "hosted_invoice_url": "https://invoice.stripe.com/i/x",
        "lines": {"object": "list", "data": [line()], "has_more": False, "url": "/v1/lines"},
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": FAILED_AT + 3 * 86400,
        "number": "A-0001",
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription(), "metadata": {}},
        },
        "payments": {"object": "list", "data": [payment()], "has_more": False, "url": "/v1/p"},
        "status": "open",
        "status_transitions": {"paid_at": None},
        "total": 14900,
    } | fields


def paid_invoice(**fields: Any) -> Obj:
    good = {
        "status": "paid",
        "amount_paid": 14900,
        "amount_remaining": 0,
        "auto_advance": False,
        "next_payment_attempt": None,
        "payments": {"data": [payment(paid_intent(), status="paid")]},
        "status_transitions": {"paid_at": FAILED_AT + 61},
    }
    return invoice(**(good | fields))


def old_invoice(**fields: Any) -> Obj:
    """Make the same failed renewal as accounts before 2025-03-31.basil send it."""
    old = invoice() | {
        "charge": charge(),
        "payment_intent": intent(),
        "subscription": subscription(
            current_period_end=FAILED_AT + 30 * 86400,
            items={"data": [item(current_period_end=None)]},
        ),
        "paid": False,
        "paid_out_of_band": False,
        "lines": {"data": [line(pricing=None, price=price())]},
    }
    for new in ("payments", "parent"):
        del old[new]
    return old | fields
