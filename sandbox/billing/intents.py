"""Payment intents, charges and the payments of an invoice, as objects.

Source: https://docs.stripe.com/api/payment_intents/object, /api/charges/object,
/api/invoice-payment/object
"""

from typing import Any

from sandbox.books import Books
from sandbox.declines import Decline
from sandbox.render import render
from sandbox.types import Obj
from sandbox.versions import DEFAULT_VERSION

NETWORKS = {"visa": "visa", "mastercard": "mastercard", "amex": "amex", "discover": "discover"}


def new_intent(
    books: Books,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    invoice: str | None = None,
    method_types: list[str] | None = None,
    description: str | None = None,
    metadata: Obj | None = None,
) -> Obj:
    id = books.new_id("payment_intent")
    intent: Obj = {
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{id}_secret_{books.sandbox.new_letters()}",
        "confirmation_method": "automatic",
        "created": books.now,
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": description,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": books.livemode,
        "metadata": metadata or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_details": {"customer_reference": None, "order_reference": invoice},
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": method_types or ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": "off_session" if invoice else None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_invoice": invoice,
    }
    books.save(intent)
    books.emit("payment_intent.created", intent)
    return intent


def new_invoice_payment(
    books: Books, *, invoice: Obj, intent: Obj, amount: int, is_default: bool
) -> Obj:
    payment: Obj = {
        "id": books.new_id("invoice_payment"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": amount,
        "created": books.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": is_default,
        "livemode": books.livemode,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
        "_payment_intent": intent["id"],
    }
    return books.save(payment)


def new_charge(books: Books, *, intent: Obj, method: Obj, amount: int, automatic: bool) -> Obj:
    """Make a charge; `settle_charge` or `fail_charge` decides it."""
    charge: Obj = {
        "id": books.new_id("charge"),
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": False,
        "created": books.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": books.livemode,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, amount),
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
        "_invoice": intent["_invoice"],
        "_fingerprint": fingerprint_of(method),
        "_method_version": method["_version"],
        "_automatic": automatic,
    }
    return charge


def fingerprint_of(method: Obj) -> str | None:
    """Return what identifies the card or bank account behind a payment method."""
    details = method.get(method["type"]) or {}
    return details.get("fingerprint")


# What a charge repeats of a bank account.
_SHOWN_ON_CHARGE = frozenset(
    {
        "account_holder_name",
        "account_holder_type",
        "account_type",
        "bank_code",
        "bank_name",
        "branch_code",
        "bsb_number",
        "country",
        "fingerprint",
        "institution_number",
        "last4",
        "routing_number",
        "sort_code",
        "suffix",
        "transit_number",
    }
)


def _details(method: Obj, amount: int) -> Obj:
    kind = method["type"]
    if kind != "card":
        shown = {key: method[kind][key] for key in method[kind] if key in _SHOWN_ON_CHARGE}
        return {"type": kind, kind: {**shown, "mandate": method.get("_mandate")}}
    card = method["card"]
    return {
        "type": "card",
        "card": {
            "amount_authorized": amount,
            "authorization_code": None,
            "brand": card["brand"],
            "checks": card["checks"],
            "country": card["country"],
            "exp_month": card["exp_month"],
            "exp_year": card["exp_year"],
            "fingerprint": card["fingerprint"],
            "funding": card["funding"],
            "installments": None,
            "last4": card["last4"],
            "mandate": method.get("_mandate"),
            "network": NETWORKS.get(card["brand"], card["brand"]),
            "network_token": {"used": False},
            "network_transaction_id": None,
            "regulated_status": "unregulated",
            "three_d_secure": None,
            "wallet": None,
        },
    }


def settle_charge(books: Books, charge: Obj) -> None:
    charge.update(
        amount_captured=charge["amount"],
        captured=True,
        paid=True,
        status="succeeded",
        balance_transaction=f"txn_{books.sandbox.new_letters()}",
        receipt_url=f"https://pay.stripe.com/receipts/{charge['id']}",
        outcome={
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "risk_score": 20,
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
    )


def fail_charge(charge: Obj, decline: Decline, *, shown_reason: str | None) -> None:
    """Write the refusal into the charge.

    `failure_code` holds the outer code, the reason stands in the outcome.
    """
    charge.update(
        status="failed",
        paid=False,
        captured=False,
        failure_code=decline.code,
        failure_message=decline.message,
        outcome={
            "advice_code": decline.advice_code,
            "network_advice_code": decline.network_advice_code,
            "network_decline_code": decline.network_decline_code,
            "network_status": "not_sent_to_network" if decline.blocked else "declined_by_network",
            "reason": shown_reason or decline.reason or decline.code,
            "risk_level": "highest" if shown_reason == "highest_risk_level" else "normal",
            "risk_score": 20,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "blocked" if decline.blocked else "issuer_declined",
        },
    )


def error_body(books: Books, *, decline: Decline, charge: Obj, method: Obj) -> Obj:
    """Return the layers of a decline as an error carries them; absent codes are left out."""
    error: dict[str, Any] = {
        "advice_code": decline.advice_code,
        "charge": charge["id"],
        "code": decline.code,
        "decline_code": decline.reason,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "network_advice_code": decline.network_advice_code,
        "network_decline_code": decline.network_decline_code,
        "param": decline.param,
        "payment_method": render(method, DEFAULT_VERSION),
        "type": "card_error",
    }
    return {key: value for key, value in error.items() if value is not None}
