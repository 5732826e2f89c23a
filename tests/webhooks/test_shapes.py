"""Every shape Stripe may send, from its JSON to the rows a merchant sees."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.recovery.models import RecoveryCase, Try
from apps.stripe_gateway.readers import invoice_facts
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks import services
from apps.webhooks.models import DirtyObject, InboxEvent
from apps.webhooks.services.projecting import project_invoice_read
from tests.stripe_gateway import shapes
from tests.webhooks.bodies import an_event, body_of

pytestmark = pytest.mark.django_db

FAILED_AT = dt.datetime.fromtimestamp(shapes.FAILED_AT, dt.UTC)
NOW = FAILED_AT + dt.timedelta(hours=3)
DAY = dt.timedelta(days=1)
LONG_ID = "in_" + "x" * 252
ODD_NAME = '=HYPERLINK("x"),\n"Zoë" 李 שלום'


@pytest.fixture
def merchant() -> Merchant:
    return Merchant.objects.create(name="Studio", stripe_account_id="acct_1")


@pytest.fixture
def reads(merchant):
    """Give what a read of Stripe does; each comes a second after the one before."""
    moments = iter(NOW + dt.timedelta(seconds=second) for second in range(100))

    def read(answer: shapes.Obj, *charges: shapes.Obj, now: dt.datetime = NOW) -> "Shown":
        facts = invoice_facts(answer, charges=charges)
        project_invoice_read(merchant=merchant, invoice=facts, read_at=next(moments), now=now)
        return Shown(
            Transaction.objects.filter(stripe_id=facts.id).first(),
            RecoveryCase.objects.filter(stripe_invoice_id=facts.id).first(),
        )

    return read


@dataclass
class Shown:
    row: Any
    case: Any


def declined(**error: Any) -> dict[str, Any]:
    """Make an invoice's answer whose one charge was refused with other codes."""
    outcome = {
        "reason": error.get("decline_code"),
        "type": "issuer_declined",
        "network_status": "declined_by_network",
    }
    refusal = {"advice_code": None, "network_advice_code": None, "network_decline_code": None}
    refusal |= error
    outcome |= {name: value for name, value in refusal.items() if "advice" in name}
    charge = shapes.charge(outcome=outcome, failure_code=error.get("code", "card_declined"))
    intent = shapes.intent(last_payment_error=shapes.error(**refusal), latest_charge=charge)
    return shapes.invoice(payments={"data": [shapes.payment(intent)]})


def without_charge(**fields: Any) -> shapes.Obj:
    return shapes.invoice(**{"payments": {"data": []}, **fields})


def with_intent(**fields: Any) -> shapes.Obj:
    return shapes.invoice(payments={"data": [shapes.payment(shapes.intent(**fields))]})


def of_subscription(**fields: Any) -> dict[str, Any]:
    subscription = shapes.subscription(**fields)
    return {
        "parent": {
            "type": "subscription_details",
            "subscription_details": {"subscription": subscription, "metadata": {}},
        }
    }


def test_the_same_failure_in_both_shapes_is_the_same_row(reads, merchant):
    new = reads(shapes.invoice(), shapes.charge())
    columns = {
        name: value
        for name, value in vars(new.row).items()
        if name not in ("_state", "id", "read_at", "case_id")
    }
    for model in (Transaction, Subscription, Customer):
        model._default_manager.all().delete()

    old = reads(shapes.old_invoice(), shapes.charge())

    assert old.case == new.case
    assert {name: getattr(old.row, name) for name in columns} == columns


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        pytest.param(
            shapes.old_invoice(charge=None, payment_intent=None, next_payment_attempt=None),
            "retrying",
            "Time not set yet",
            id="old shape, no payment method",
        ),
        pytest.param(
            with_intent(last_payment_error=None, latest_charge=None),
            "retrying",
            "",
            id="an intent without any charge",
        ),
        pytest.param(
            without_charge(auto_advance=False, next_payment_attempt=None),
            "failed",
            "Tries used up",
            id="no next try: exhausted",
        ),
        pytest.param(
            without_charge(next_payment_attempt=None),
            "retrying",
            "Time not set yet",
            id="no next try: automation on a first failure",
        ),
        pytest.param(
            with_intent(status="requires_action", last_payment_error=None, latest_charge=None),
            "needs_authentication",
            "Customer must confirm (3-D Secure)",
            id="3-D Secure without a charge",
        ),
        pytest.param(
            shapes.invoice(parent={"type": "quote_details", "quote_details": {"quote": "qt_1"}}),
            "retrying",
            "",
            id="quote parent",
        ),
        pytest.param(
            shapes.invoice(parent=None, metadata={"subscription": "sub_other"}),
            "retrying",
            "",
            id="one-off, a subscription in metadata only",
        ),
        pytest.param(
            shapes.invoice(**of_subscription(status="canceled")),
            "failed",
            "Canceled by customer",
            id="subscription deleted with an open invoice",
        ),
        pytest.param(
            shapes.invoice(
                **of_subscription(
                    status="canceled", cancellation_details={"reason": "payment_failed"}
                )
            ),
            "failed",
            "Canceled for non-payment",
            id="subscription deleted for non-payment",
        ),
        pytest.param(declined(decline_code=None), "retrying", "", id="outer code only"),
        pytest.param(declined(decline_code="brand_new"), "retrying", "", id="unknown code"),
        pytest.param(
            declined(decline_code="stolen_card", advice_code="try_again_later"),
            "needs_card",
            "No retry until the card changes",
            id="advice in conflict with the code",
        ),
    ],
)
def test_what_an_open_invoice_shows(reads, answer, status, detail):
    shown = reads(answer)

    assert (shown.row.status, shown.row.status_detail) == (status, detail)
    assert shown.row.case_id == shown.case.pk


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(shapes.invoice(status="draft", payments={"data": []}), id="draft"),
        pytest.param(
            shapes.paid_invoice(
                total=-5000, amount_due=0, amount_paid=0, amount_remaining=0, payments={"data": []}
            ),
            id="negative total",
        ),
        pytest.param(
            shapes.paid_invoice(
                total=0, amount_due=0, amount_paid=0, amount_remaining=0, payments=None
            ),
            id="zero total, paid without a charge",
        ),
    ],
)
def test_what_is_no_payment_has_no_row_and_no_case(reads, answer):
    assert reads(answer) == Shown(None, None)


def test_a_sent_invoice_is_open_and_no_case(reads):
    shown = reads(
        without_charge(collection_method="send_invoice", next_payment_attempt=None, parent=None)
    )

    assert shown.case is None
    assert shown.row.status == "open"
    assert shown.row.stripe_goes_on == "Stripe will not try again: sent invoice"


@pytest.mark.parametrize(
    ("fields", "due", "remaining"),
    [
        pytest.param({"amount_remaining": 4900, "amount_paid": 10000}, 14900, 4900, id="partly"),
        pytest.param(
            {"amount_due": 9900, "amount_remaining": 9900, "starting_balance": -5000},
            9900,
            9900,
            id="customer balance",
        ),
    ],
)
def test_a_case_is_about_what_is_left_to_pay(reads, fields, due, remaining):
    shown = reads(shapes.invoice(**fields), shapes.charge())

    assert (shown.row.amount_minor, shown.row.amount_remaining_minor) == (due, remaining)
    assert shown.case.amount_due_minor == remaining


def test_an_invoice_paid_in_parts_counts_each_try_once(reads):
    parts = [
        shapes.payment(shapes.intent(), is_default=False, id="inpay_1"),
        shapes.payment(
            shapes.paid_intent(id="pi_2", latest_charge="ch_2"), status="paid", id="inpay_2"
        ),
        {
            "id": "inpay_3",
            "object": "invoice_payment",
            "status": "paid",
            "payment": {"type": "payment_record", "payment_record": "prec_1"},
        },
    ]

    shown = reads(
        shapes.paid_invoice(payments={"data": parts}),
        shapes.charge(),
        shapes.paid_charge("ch_2", payment_intent="pi_2"),
    )

    assert shown.row.tries == 2
    assert (shown.case.status, shown.case.end_reason) == ("recovered", "paid")


@pytest.mark.parametrize(
    ("currency", "stored"),
    [("jpy", "jpy"), ("KWD", "kwd"), ("isk", "isk"), ("ugx", "ugx"), ("zzz", "zzz"), ("", "xxx")],
)
def test_amounts_stay_whole_in_any_currency(reads, currency, stored):
    shown = reads(
        shapes.invoice(currency=currency, amount_due=500, amount_remaining=500), shapes.charge()
    )

    assert (shown.row.amount_minor, shown.row.currency) == (500, stored)
    assert (shown.case.amount_due_minor, shown.case.currency) == (500, stored)


def test_ids_of_255_characters_and_odd_names_are_kept_whole(reads):
    payer = shapes.customer(id="cus_" + "y" * 251, name=ODD_NAME, email=None)

    shown = reads(shapes.invoice(id=LONG_ID, customer=payer), shapes.charge())

    assert shown.row.stripe_id == shown.case.stripe_invoice_id == LONG_ID
    assert (shown.row.customer_name, shown.row.customer_email) == (ODD_NAME, "")
    assert Customer.objects.get().stripe_customer_id == payer["id"]


def test_a_name_longer_than_the_column_is_cut(reads):
    shown = reads(shapes.invoice(customer=shapes.customer(name="ö" * 2000)), shapes.charge())

    assert shown.row.customer_name == "ö" * 512


def test_a_deleted_customer_keeps_the_name_and_the_case(reads):
    reads(shapes.invoice(), shapes.charge())
    gone = {"id": "cus_1", "object": "customer", "deleted": True}

    shown = reads(shapes.invoice(customer=gone), shapes.charge())

    assert Customer.objects.get().is_deleted
    assert shown.row.customer_name == "Ada Löwe"
    assert shown.case.status == "open"


@pytest.mark.parametrize(
    "parent",
    [None, {"type": "quote_details", "quote_details": {"quote": "qt_1"}}],
    ids=["none", "quote"],
)
def test_what_no_subscription_bills_is_a_one_off(reads, parent):
    shown = reads(shapes.invoice(parent=parent, metadata={"subscription": "sub_x"}))

    assert shown.case.kind == "one_off"
    assert shown.case.stripe_subscription_id == ""
    assert not Subscription.objects.exists()


def test_ids_where_objects_are_expected(reads):
    """An answer without what we asked for: the row still stands."""
    bare = shapes.invoice(
        customer="cus_1",
        parent={"subscription_details": {"subscription": "sub_1"}},
        payments={"data": [shapes.payment("pi_1")]},
    )

    shown = reads(bare, shapes.charge())

    assert shown.row.stripe_subscription_id == "sub_1"
    assert shown.row.stripe_customer_id == "cus_1"
    assert shown.case.status == "open"


def test_a_leading_zero_of_an_advice_code_stays(reads):
    reads(shapes.invoice(), shapes.charge())

    assert Try.objects.get().network_advice_code == "03"


def test_a_card_replaced_on_the_subscription_alone_is_what_would_be_charged(reads):
    card = shapes.card("pm_new", fingerprint="fp_new", last4="1881")

    shown = reads(shapes.invoice(**of_subscription(default_payment_method=card)), shapes.charge())

    assert shown.case.seen["method"]["reference"] == "pm_new"


class TestBankDebits:
    def debit(self, intent_status: str, **charge: Any) -> tuple[shapes.Obj, shapes.Obj]:
        made = shapes.charge(
            payment_method_details={"type": "sepa_debit", "sepa_debit": {"last4": "3000"}},
            outcome=None,
            **charge,
        )
        intent = shapes.intent(status=intent_status, last_payment_error=None, latest_charge="ch_1")
        return shapes.invoice(payments={"data": [shapes.payment(intent)]}), made

    def test_processing_for_ever_is_no_failure(self, reads):
        answer, charge = self.debit("processing", status="pending", failure_code=None)
        reads(answer, charge)

        shown = reads(answer, charge, now=NOW + 60 * DAY)

        assert shown.row.status == "processing"
        assert shown.case is None

    def test_a_revoked_mandate_waits_for_the_customer(self, reads):
        answer, charge = self.debit(
            "requires_payment_method", failure_code="debit_not_authorized", failure_message="x"
        )

        shown = reads(answer, charge)

        assert (shown.row.status, shown.row.failure_code) == ("needs_card", "debit_not_authorized")


class TestOrder:
    def test_success_before_failure(self, reads):
        """The paid invoice is read first; then an answer that was asked for earlier arrives."""
        reads(shapes.paid_invoice(), shapes.charge(), shapes.paid_charge())

        shown = reads(shapes.invoice(), shapes.charge())

        assert shown.case.status == "recovered"

    def test_a_failure_after_success_is_a_payment_taken_back(self, reads):
        reads(shapes.paid_invoice(), shapes.charge(), shapes.paid_charge())
        back = shapes.paid_charge(status="failed", failure_code="insufficient_funds")

        shown = reads(shapes.invoice(), shapes.charge(), back)

        assert shown.case.status == "open"
        assert shown.row.status in ("retrying", "needs_card")

    def test_voided_while_it_is_chased(self, reads):
        reads(shapes.invoice(), shapes.charge())
        at = shapes.FAILED_AT + 2 * 3600

        shown = reads(
            shapes.invoice(status="void", status_transitions={"voided_at": at}), shapes.charge()
        )

        assert (shown.row.status, shown.case.end_reason) == ("void", "voided")
        assert shown.case.closed_at == dt.datetime.fromtimestamp(at, dt.UTC)

    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ({"amount_refunded": 14900, "refunded": True}, "refunded"),
            ({"amount_refunded": 100}, "recovered"),
            ({"disputed": True}, "disputed"),
        ],
        ids=["refunded", "partly refunded", "disputed"],
    )
    def test_after_a_recovery(self, reads, fields, status):
        reads(shapes.paid_invoice(), shapes.charge(), shapes.paid_charge())

        shown = reads(shapes.paid_invoice(), shapes.charge(), shapes.paid_charge(**fields))

        assert shown.row.status == status
        assert shown.case.status == "recovered"

    def test_the_same_read_again_changes_nothing(self, reads):
        first = reads(shapes.invoice(), shapes.charge())
        events = first.case.events.count()

        again = reads(shapes.invoice(), shapes.charge())

        assert again.case.events.count() == events
        assert again.row.tries == 1


class TestIntake:
    @pytest.mark.parametrize(
        "fields",
        [
            {"created": int((NOW + 400 * DAY).timestamp())},
            {"created": 2**62},
            {"request": None},
            {"request": "req_1"},
            {"request": {"id": "req_1", "idempotency_key": None}},
            {"api_version": None},
            {"pending_webhooks": 0, "context": None},
        ],
        ids=["future", "no time at all", "null", "text", "object", "no version", "newer keys"],
    )
    def test_what_surrounds_the_object_does_not_matter(self, merchant, fields):
        services.receive(body=body_of(an_event(**fields)), now=NOW)

        services.take_in(now=NOW)

        assert InboxEvent.objects.get().status == "done"
        assert DirtyObject.objects.get().stripe_id == "in_1"

    def test_a_thin_event_of_a_connected_account(self, merchant):
        connected = Merchant.objects.create(name="C", stripe_account_id="acct_c", is_connected=True)
        thin = {
            "id": "evt_2",
            "object": "v2.core.event",
            "type": "v1.invoice.payment_failed",
            "created": "2026-11-20T09:00:00Z",
            "context": "acct_c",
            "livemode": False,
            "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
        }
        services.receive(body=body_of(thin), now=NOW)

        services.take_in(now=NOW)

        assert DirtyObject.objects.get().merchant == connected
