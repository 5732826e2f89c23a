"""Payloads recorded from the real Stripe, and what each becomes.

They stay outside the project; without them these tests are skipped. Ids were replaced when they
were recorded, some by file names: only where they stand matters.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.dunning import codes
from apps.stripe_gateway import readers
from apps.stripe_gateway.facts import InvoiceFacts

FOLDER: Path = settings.BASE_DIR.parent / "shared" / "recorded"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no recorded payloads at {FOLDER}: nothing to compare with"
)

Body = dict[str, Any]


def _invoice(body: Body) -> dict[str, object]:
    hint = readers.event_hint(body)
    facts = readers.invoice_facts(body["data"]["object"])
    assert hint.invoice_id == facts.id
    assert hint.customer_id == facts.customer_id
    # An event carries neither charges nor, since 2025, an intent: those are read.
    assert facts.tries == ()
    assert facts.method is None
    return {
        "event": hint.type,
        "version": hint.api_version,
        "status": facts.status,
        "due": facts.amount_due.minor,
        "remaining": facts.amount_remaining.minor,
        "attempts": facts.attempt_count,
        "offer": facts.offer_name,
        "elsewhere": facts.paid_out_of_band,
        "joins": _joins(hint.payment_intent_id, hint.charge_id),
        "paid": _paid(facts),
    }


def _paid(facts: InvoiceFacts) -> bool:
    return facts.paid_at is not None


def _charge(body: Body) -> dict[str, object]:
    hint = readers.event_hint(body)
    facts = readers.charge_facts(body["data"]["object"])
    assert hint.charge_id == facts.tried.charge_id
    assert hint.payment_intent_id == facts.tried.payment_intent_id
    method, decline = facts.tried.method, facts.tried.decline
    assert method is not None
    return {
        "event": hint.type,
        "status": facts.tried.status,
        "amount": facts.tried.amount.minor,
        "refunded": facts.tried.refunded_minor,
        "card": (method.brand, method.last4, method.country),
        "decline": decline and (decline.code, decline.decline_code, decline.outcome_type),
        "meaning": decline and codes.lookup(decline).category,
        "names its invoice": bool(facts.invoice_id),
    }


def _refused(body: Body) -> dict[str, object]:
    decline = readers.decline_of_error(body["error"])
    method = readers.method_from(body["error"]["payment_method"])
    row = codes.lookup(decline)
    assert method is not None
    return {
        "decline": (decline.code, decline.decline_code, decline.advice_code),
        "network": decline.network_decline_code,
        "meaning": row.category,
        "hard": row.hard,
        "card": (method.brand, method.last4),
        "intent": bool(readers.id_of(body["error"]["payment_intent"])),
    }


def _intent(body: Body) -> dict[str, object]:
    hint = readers.event_hint(body)
    error = body["data"]["object"]["last_payment_error"]
    return {
        "event": hint.type,
        "hints at": hint.invoice_id[:3],
        "charge": bool(hint.charge_id),
        "decline": readers.decline_of_error(error).reason if error else None,
    }


def _payer(body: Body) -> dict[str, object]:
    answer = body.get("data", {}).get("object", body)
    facts = readers.customer_facts(answer)
    changed = readers.event_hint(body).changed if "type" in body else ()
    return {"email": facts.email, "default": facts.default_method_id, "changed": changed}


def _payment(body: Body) -> dict[str, object]:
    hint = readers.event_hint(body)
    return {"invoice": hint.invoice_id, "joins": _joins(hint.payment_intent_id, hint.charge_id)}


def _methods(body: Body) -> list[tuple[str, str]]:
    found = [readers.method_from(one) for one in body["data"]]
    return [(one.brand, one.last4) for one in found if one is not None]


def _method(body: Body) -> dict[str, object]:
    hint = readers.event_hint(body)
    method = readers.method_from(body["data"]["object"])
    assert method is not None
    assert method.reference == hint.payment_method_id
    return {
        "event": hint.type,
        "card": (method.brand, method.last4, method.exp_month, method.exp_year),
        "changed": hint.changed,
    }


def _subscription(body: Body) -> dict[str, object]:
    facts = readers.subscription_facts(body["data"]["object"])
    assert readers.event_hint(body).subscription_id == facts.id
    return {
        "status": facts.status,
        "amount": facts.amount.minor,
        "interval": (facts.interval, facts.interval_count),
        "next": facts.current_period_end is not None,
    }


def _joins(payment_intent_id: str, charge_id: str) -> str:
    return "+".join(name for name, found in (("pi", payment_intent_id), ("ch", charge_id)) if found)


def invoice(event: str, status: str, **fields: object) -> dict[str, object]:
    return {
        "event": event,
        "version": "2025-11-17.clover",
        "status": status,
        "due": 100000,
        "remaining": 100000,
        "attempts": 0,
        "offer": "Zulip Cloud Standard",
        "elsewhere": False,
        "joins": "",
        "paid": False,
    } | fields


def old_invoice(event: str) -> dict[str, object]:
    return invoice(
        event,
        "open",
        version="2020-08-27",
        due=2000,
        remaining=2000,
        attempts=1,
        offer="(created by Stripe CLI)",
        joins="pi+ch",
    )


PAID = {"attempts": 1, "remaining": 0, "paid": True}
REFUSED = {
    "decline": ("card_declined", "generic_decline", "try_again_later"),
    "network": "01",
    "meaning": "issuer_generic",
    "hard": False,
    "card": ("visa", "0341"),
    "intent": True,
}
EXPECTED: dict[str, tuple[Callable[[Body], object], object]] = {
    "card_attached_to_customer_but_payment_fails--Invoice.pay.1": (_refused, REFUSED),
    "replace_payment_method--Invoice.pay.2": (_refused, REFUSED),
    "event.charge.succeeded.succeeded.1.add_minimum_licenses": (
        _charge,
        {
            "event": "charge.succeeded",
            "status": "succeeded",
            "amount": 100000,
            "refunded": 0,
            "card": ("visa", "4242", "US"),
            "decline": None,
            "meaning": None,
            "names its invoice": False,
        },
    ),
    "event.customer.updated.None.1.add_minimum_licenses": (
        _payer,
        {
            "email": "user@example.com",
            "default": "pm_NORMALIZED",
            "changed": ("invoice_settings",),
        },
    ),
    "event.invoice.created.draft.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.created", "draft", due=0, remaining=0, offer=""),
    ),
    "event.invoice.finalized.open.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.finalized", "open"),
    ),
    "event.invoice.paid.paid.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.paid", "paid", **PAID),
    ),
    "event.invoice.payment_succeeded.paid.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.payment_succeeded", "paid", **PAID),
    ),
    "event.invoice.updated.draft.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.updated", "draft"),
    ),
    "event.invoice.updated.open.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.updated", "open"),
    ),
    "event.invoice.updated.paid.1.add_minimum_licenses": (
        _invoice,
        invoice("invoice.updated", "paid", **PAID),
    ),
    "event.invoice_payment.paid.paid.1.add_minimum_licenses": (
        _payment,
        {"invoice": "in_NORMALIZED", "joins": "pi"},
    ),
    "event.payment_intent.succeeded.succeeded.1.add_minimum_licenses": (
        _intent,
        {
            "event": "payment_intent.succeeded",
            "hints at": "in_",
            "charge": True,
            "decline": None,
        },
    ),
    "replace_payment_method--Customer.modify.1": (
        _payer,
        {"email": "user@example.com", "default": "pm_NORMALIZED", "changed": ()},
    ),
    "replace_payment_method--PaymentMethod.list.1": (
        _methods,
        [("visa", "0341"), ("visa", "4242")],
    ),
    "ruby-mock.charge.failed": (
        _charge,
        {
            "event": "charge.failed",
            "status": "failed",
            "amount": 2000,
            "refunded": 0,
            "card": ("visa", "0002", "US"),
            "decline": ("card_declined", "generic_decline", "issuer_declined"),
            "meaning": "issuer_generic",
            "names its invoice": False,
        },
    ),
    "ruby-mock.customer.subscription.updated": (
        _subscription,
        {"status": "active", "amount": 1500, "interval": ("month", 1), "next": True},
    ),
    "ruby-mock.invoice.payment_action_required": (
        _invoice,
        old_invoice("invoice.payment_action_required"),
    ),
    "ruby-mock.invoice.payment_failed": (_invoice, old_invoice("invoice.payment_failed")),
    "ruby-mock.payment_intent.payment_failed": (
        _intent,
        {
            "event": "payment_intent.payment_failed",
            "hints at": "",
            "charge": True,
            "decline": "generic_decline",
        },
    ),
    "supabase.charge.refunded": (
        _charge,
        {
            "event": "charge.refunded",
            "status": "succeeded",
            "amount": 2500,
            "refunded": 2500,
            "card": ("mastercard", "7572", "CA"),
            "decline": None,
            "meaning": None,
            "names its invoice": True,
        },
    ),
    "supabase.payment_method.automatically_updated": (
        _method,
        {
            "event": "payment_method.automatically_updated",
            "card": ("mastercard", "0123", 11, 2027),
            "changed": ("card",),
        },
    ),
}


def test_every_recorded_file_has_an_expectation():
    assert {path.stem for path in FOLDER.glob("*.json")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_payload_becomes(name):
    read, expected = EXPECTED[name]
    body = json.loads((FOLDER / f"{name}.json").read_text())

    assert read(body) == expected
