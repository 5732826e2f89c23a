"""What an event points at, in every shape a body may have."""

import datetime as dt
import json

import pytest

from apps.stripe_gateway.errors import UnreadableAnswer
from apps.stripe_gateway.readers import event_hint
from tests.stripe_gateway import shapes


def event(subject: shapes.Obj, **fields: object) -> shapes.Obj:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "invoice.payment_failed",
        "api_version": "2026-08-26.dahlia",
        "created": shapes.FAILED_AT,
        "livemode": False,
        "data": {"object": subject},
    } | fields


def test_an_invoice_event():
    body = json.dumps(event(shapes.invoice(customer="cus_1"), account="acct_2")).encode()

    hint = event_hint(body)

    assert (hint.object_kind, hint.object_id, hint.invoice_id) == ("invoice", "in_1", "in_1")
    assert (hint.customer_id, hint.subscription_id) == ("cus_1", "sub_1")
    assert hint.account_id == "acct_2"
    assert hint.created_at == dt.datetime.fromtimestamp(shapes.FAILED_AT, dt.UTC)


def test_an_old_invoice_event_names_intent_and_charge():
    old = shapes.old_invoice(payment_intent="pi_1", charge="ch_1", subscription="sub_1")

    hint = event_hint(event(old))

    assert (hint.payment_intent_id, hint.charge_id) == ("pi_1", "ch_1")
    assert hint.subscription_id == "sub_1"


def test_an_intent_hints_at_its_invoice_by_the_order_reference():
    hint = event_hint(event(shapes.intent(), type="payment_intent.payment_failed"))

    assert (hint.payment_intent_id, hint.invoice_id) == ("pi_1", "in_1")


def test_an_invoice_payment_names_both_ends():
    hint = event_hint(event(shapes.payment("pi_1"), type="invoice_payment.paid"))

    assert (hint.invoice_id, hint.payment_intent_id) == ("in_1", "pi_1")


def test_a_detached_method_still_names_whose_it_was():
    body = event(shapes.card() | {"customer": None}, type="payment_method.detached")
    body["data"]["previous_attributes"] = {"customer": "cus_1"}

    hint = event_hint(body)

    assert (hint.payment_method_id, hint.customer_id) == ("pm_1", "cus_1")
    assert hint.changed == ("customer",)


def test_a_dispute_names_its_charge():
    dispute = {"id": "du_1", "object": "dispute", "charge": "ch_1", "payment_intent": "pi_1"}

    hint = event_hint(event(dispute, type="charge.dispute.created"))

    assert (hint.charge_id, hint.payment_intent_id) == ("ch_1", "pi_1")


def test_a_thin_event_of_the_newer_kind():
    body = {
        "id": "evt_2",
        "object": "v2.core.event",
        "type": "v1.invoice.paid",
        "created": "2026-11-20T09:00:00Z",
        "context": "acct_9",
        "livemode": True,
        "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
    }

    hint = event_hint(body)

    assert (hint.object_kind, hint.object_id, hint.invoice_id) == ("invoice", "in_1", "in_1")
    assert hint.account_id == "acct_9"
    assert hint.livemode


@pytest.mark.parametrize("fields", [{"api_version": None}, {"request": "req_1"}, {"type": "x.y"}])
def test_odd_events_are_read(fields):
    assert event_hint(event(shapes.charge(), **fields)).charge_id == "ch_1"


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"{}", b'{"id": "evt_1", "type": "x"}', '{"data": {"object": {}}}'],
)
def test_what_is_no_event_is_named_so(body):
    with pytest.raises(UnreadableAnswer):
        event_hint(body)
