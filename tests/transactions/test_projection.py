from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.dunning.facts import Decline
from apps.dunning.provider import stripe_goes_on
from apps.transactions.models import Transaction
from apps.transactions.projection import CaseView, PaymentView, Shown, status_of

Status = Transaction.Status
T0 = datetime(2026, 11, 18, 12, tzinfo=UTC)
NEXT = T0 + timedelta(days=3)

NO_FUNDS = Decline("card_declined", "insufficient_funds")
STOLEN = Decline("card_declined", "stolen_card")
NEEDS_3DS = Decline("authentication_required", "authentication_required")

FAILED = PaymentView("open", 14_900, last_try="failed", decline=NO_FUNDS)
OPEN = CaseView("open", step="retry", engine="recoup", next_try_at=NEXT, failed_at=T0)
RECOVERED = CaseView(
    "recovered", engine="recoup", failed_at=T0, closed_at=T0 + timedelta(days=6, hours=3), won_by=2
)


def with_case(case: CaseView, payment: PaymentView = FAILED, **changes) -> PaymentView:
    return replace(payment, case=case, **changes)


@pytest.mark.parametrize(
    ("payment", "shown"),
    [
        # Paid, or closed another way.
        (PaymentView("paid", 100, last_try="succeeded"), Shown(Status.SUCCEEDED)),
        (PaymentView("", 100, last_try="succeeded"), Shown(Status.SUCCEEDED)),
        (PaymentView("void", 100), Shown(Status.VOID)),
        (PaymentView("uncollectible", 100), Shown(Status.FAILED, "Marked uncollectible")),
        (
            PaymentView("paid", 100, is_paid_elsewhere=True),
            Shown(Status.SUCCEEDED, "Paid outside"),
        ),
        (
            with_case(RECOVERED, invoice_status="paid", last_try="succeeded"),
            Shown(Status.RECOVERED, "After 6 days, retry 2"),
        ),
        (
            with_case(
                replace(RECOVERED, won_by=None, closed_at=T0 + timedelta(days=1)),
                invoice_status="paid",
            ),
            Shown(Status.RECOVERED, "After 1 day"),
        ),
        (
            with_case(
                replace(RECOVERED, won_by=1, closed_at=T0 + timedelta(hours=4)),
                invoice_status="paid",
            ),
            Shown(Status.RECOVERED, "The same day, retry 1"),
        ),
        # The case knows of our charge before the invoice is read again.
        (with_case(RECOVERED), Shown(Status.RECOVERED, "After 6 days, retry 2")),
        (
            with_case(CaseView("stopped", "paid_elsewhere", "Paid outside"), invoice_status="paid",
                      is_paid_elsewhere=True),
            Shown(Status.SUCCEEDED, "Paid outside"),
        ),
        # Money that went back.
        (
            PaymentView("paid", 100, refunded_minor=100, last_try="succeeded"),
            Shown(Status.REFUNDED),
        ),
        (
            PaymentView("paid", 100, refunded_minor=40, last_try="succeeded"),
            Shown(Status.SUCCEEDED, "Partly refunded"),
        ),
        (
            with_case(RECOVERED, invoice_status="paid", refunded_minor=14_900),
            Shown(Status.REFUNDED),
        ),
        (PaymentView("paid", 100, is_disputed=True), Shown(Status.DISPUTED)),
        # Waiting.
        (PaymentView("open", 100), Shown(Status.OPEN)),
        (PaymentView("open", 100, last_try="pending"), Shown(Status.PROCESSING, "Bank payment under way")),
        (
            PaymentView("open", 100, needs_confirmation=True),
            Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)"),
        ),
        # A first purchase is never past due.
        (
            replace(FAILED, is_first_purchase=True),
            Shown(Status.INCOMPLETE, "First payment not completed"),
        ),
        (
            PaymentView("open", 100, is_first_purchase=True, needs_confirmation=True),
            Shown(Status.INCOMPLETE, "First payment not completed"),
        ),
        # In recovery.
        (FAILED, Shown(Status.FAILED, "Not retried")),
        (with_case(OPEN), Shown(Status.RETRYING, "", NEXT, "recoup")),
        (
            with_case(replace(OPEN, unsettled="running")),
            Shown(Status.CHARGING),
        ),
        (
            with_case(replace(OPEN, unsettled="unknown")),
            Shown(Status.CHECKING, "A charge was sent; its outcome is being checked"),
        ),
        (
            with_case(replace(OPEN, unsettled="processing")),
            Shown(Status.PROCESSING, "Bank payment under way"),
        ),
        (
            with_case(replace(OPEN, unsettled="running"), invoice_status="paid"),
            Shown(Status.CHARGING),
        ),
        (
            with_case(replace(OPEN, step="new_card")),
            Shown(Status.NEEDS_CARD, "No retry until the card changes"),
        ),
        (
            with_case(replace(OPEN, step="no_method")),
            Shown(Status.NEEDS_CARD, "No card on file"),
        ),
        (
            with_case(replace(OPEN, step="authentication")),
            Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)"),
        ),
        (
            with_case(replace(OPEN, step="final_action", retries=4)),
            Shown(Status.FAILED, "All 4 retries used"),
        ),
        (with_case(replace(OPEN, step="nothing")), Shown(Status.FAILED, "Not retried")),
        # Stripe retries.
        (
            with_case(replace(OPEN, step="stripe", engine="stripe")),
            Shown(Status.RETRYING, "", NEXT, "stripe"),
        ),
        (
            with_case(replace(OPEN, step="stripe", engine="stripe", next_try_at=None)),
            Shown(Status.RETRYING, "Time not set yet", None, "stripe"),
        ),
        (
            with_case(replace(OPEN, step="stripe", engine="stripe"), decline=STOLEN),
            Shown(Status.NEEDS_CARD, "No retry until the card changes"),
        ),
        (
            with_case(replace(OPEN, step="stripe", engine="stripe"), decline=NEEDS_3DS),
            Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)"),
        ),
        # Over, and not paid.
        (
            with_case(CaseView("lost", "tries_used_up", "Tries used up", engine="recoup", retries=8)),
            Shown(Status.FAILED, "All 8 retries used"),
        ),
        (
            with_case(CaseView("lost", "tries_used_up", "Tries used up", engine="recoup", retries=1)),
            Shown(Status.FAILED, "1 retry used"),
        ),
        (
            with_case(CaseView("lost", "tries_used_up", "Tries used up", engine="stripe")),
            Shown(Status.FAILED, "Tries used up"),
        ),
        (
            with_case(CaseView("stopped", "stopped_by_person", "Stopped by a person")),
            Shown(Status.FAILED, "Stopped by a person"),
        ),
    ],
)  # fmt: skip
def test_what_a_row_shows(payment, shown):
    assert status_of(payment) == shown


@pytest.mark.parametrize("step", ["new_card", "no_method", "authentication", "nothing", "stripe"])
def test_retrying_promises_a_charge_that_will_really_run(step):
    shown = status_of(with_case(replace(OPEN, step=step, engine="stripe"), decline=STOLEN))

    assert shown.status != Status.RETRYING
    assert shown.next_try_at is None


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"failed": False}, ""),
        ({}, "Stripe tries again on Sat the 21st, 07:00"),
        (
            {"next_payment_attempt": None, "auto_advance": False},
            "Stripe will not try again: tries used up",
        ),
        ({"next_payment_attempt": None}, "Time not set yet"),
        (
            {"next_payment_attempt": None, "auto_advance": False, "taken_over": True},
            "Stripe will not try again: switched off because Recoup retries",
        ),
        ({"collection_method": "send_invoice"}, "Stripe will not try again: sent invoice"),
        ({"invoice_status": "paid"}, "Stripe will not try again: closed"),
        ({"invoice_status": "paid", "failed": False}, ""),
    ],
)
def test_whether_stripe_goes_on(changes, words):
    known = {
        "invoice_status": "open",
        "collection_method": "charge_automatically",
        "auto_advance": True,
        "next_payment_attempt": NEXT,
        "failed": True,
        "taken_over": False,
        "zone": NEW_YORK,
    }
    assert stripe_goes_on(**{**known, **changes}) == words
