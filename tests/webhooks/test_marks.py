import datetime as dt

import pytest

from apps.stripe_gateway.event_types import EVENT_TYPES
from apps.stripe_gateway.facts import EventHint
from apps.webhooks.marks import QUIET_SECONDS, Mark, marks_of
from apps.webhooks.models import DirtyObject

Kind = DirtyObject.Kind
AT = dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC)


def a_hint(type: str, kind: str, id: str = "x_1", **fields) -> EventHint:
    return EventHint(
        id="evt_1",
        type=type,
        account_id="",
        livemode=False,
        created_at=AT,
        api_version="2026-08-26.dahlia",
        object_kind=kind,
        object_id=id,
        **fields,
    )


@pytest.mark.parametrize(
    ("hint", "mark"),
    [
        (a_hint("invoice.paid", "invoice", "in_1"), Mark(Kind.INVOICE, "in_1")),
        (
            a_hint("invoice_payment.paid", "invoice_payment", invoice_id="in_1"),
            Mark(Kind.INVOICE, "in_1"),
        ),
        (
            a_hint("charge.failed", "charge", "ch_1", invoice_id="in_1"),
            Mark(Kind.INVOICE, "in_1"),
        ),
        (
            a_hint("payment_intent.payment_failed", "payment_intent", "pi_1", invoice_id="in_1"),
            Mark(Kind.INVOICE, "in_1"),
        ),
        (
            a_hint("charge.failed", "charge", "ch_1", payment_intent_id="pi_1"),
            Mark(Kind.CHARGE, "ch_1", {"payment_intent": "pi_1"}, wait=QUIET_SECONDS),
        ),
        (
            a_hint("charge.refunded", "charge", "ch_1"),
            Mark(
                Kind.CHARGE,
                "ch_1",
                {"must_read": True, "money_back": "refund", "charge": "ch_1"},
                wait=QUIET_SECONDS,
            ),
        ),
        (
            a_hint("charge.dispute.created", "dispute", "dp_1", charge_id="ch_1"),
            Mark(
                Kind.CHARGE,
                "ch_1",
                {"must_read": True, "money_back": "dispute", "charge": "ch_1"},
                wait=QUIET_SECONDS,
            ),
        ),
        (
            a_hint("customer.updated", "customer", "cus_1", changed=("delinquent",)),
            Mark(Kind.CUSTOMER, "cus_1"),
        ),
        (
            a_hint("customer.updated", "customer", "cus_1", changed=("invoice_settings",)),
            Mark(
                Kind.CUSTOMER,
                "cus_1",
                {"method_changed": True, "default_changed": True},
                wait=4.0,
            ),
        ),
        (
            a_hint(
                "customer.subscription.updated",
                "subscription",
                "sub_1",
                changed=("default_payment_method",),
            ),
            Mark(Kind.SUBSCRIPTION, "sub_1", {"method_changed": True}),
        ),
        (
            a_hint("setup_intent.succeeded", "setup_intent", customer_id="cus_1"),
            Mark(Kind.CUSTOMER, "cus_1", {"method_changed": True}),
        ),
        (
            a_hint("payment_method.automatically_updated", "payment_method", "pm_1"),
            Mark(Kind.PAYMENT_METHOD, "pm_1", {"changed_at": AT.isoformat(), "by_network": True}),
        ),
        (
            a_hint("payment_method.updated", "payment_method", "pm_1", changed=("card",)),
            Mark(Kind.PAYMENT_METHOD, "pm_1", {"changed_at": AT.isoformat()}),
        ),
        (
            a_hint("payment_method.updated", "payment_method", "pm_1", changed=("metadata",)),
            Mark(Kind.PAYMENT_METHOD, "pm_1"),
        ),
        (
            a_hint("payment_method.attached", "payment_method", "pm_1"),
            Mark(Kind.PAYMENT_METHOD, "pm_1", {"given": True}, wait=15.0),
        ),
        (
            a_hint(
                "subscription_schedule.completed", "subscription_schedule", subscription_id="sub_1"
            ),
            Mark(Kind.SUBSCRIPTION, "sub_1"),
        ),
    ],
    ids=lambda value: value.type if isinstance(value, EventHint) else "",
)
def test_an_event_names_one_object_to_read(hint, mark):
    [found] = marks_of(hint)

    assert found == mark
    assert found.hint == mark.hint


@pytest.mark.parametrize(
    "hint",
    [
        a_hint("invoice.upcoming", "invoice", ""),
        a_hint("invoice.created", "invoice", "in_1"),
        a_hint("account.application.deauthorized", "application", "ca_1"),
        a_hint("balance.available", "balance", ""),
        a_hint("something.new", "something", "some_1"),
        a_hint("invoice.paid", "invoice", "in_" + "1" * 300),
        a_hint("invoice.paid", "invoice", "in_\x00"),
        a_hint("setup_intent.succeeded", "setup_intent", customer_id=""),
    ],
    ids=lambda hint: hint.type,
)
def test_an_event_that_tells_us_nothing_marks_nothing(hint):
    assert marks_of(hint) == ()


def test_every_kind_of_event_we_ask_for_is_understood():
    """The first word of a type is the kind of its object, but for these."""
    kinds = {
        "charge.dispute": "dispute",
        "customer.subscription": "subscription",
        "account.application": "application",
    }
    without_object = {
        "account.application.authorized",
        "account.application.deauthorized",
        "invoice.deleted",
    }
    for type in EVENT_TYPES:
        kind = kinds.get(".".join(type.split(".")[:2]), type.split(".")[0])
        kind = "checkout.session" if kind == "checkout" else kind
        hint = a_hint(
            type,
            kind,
            invoice_id="in_1",
            customer_id="cus_1",
            subscription_id="sub_1",
            payment_method_id="pm_1",
        )
        assert bool(marks_of(hint)) == (type not in without_object), type
