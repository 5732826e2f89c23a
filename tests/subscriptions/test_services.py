from dataclasses import replace
from datetime import timedelta

import pytest

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.dunning.money import Money
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase
from apps.subscriptions.models import Subscription
from apps.subscriptions.services import (
    apply_case,
    ends_at,
    next_payment_at,
    project_subscription,
    refresh_subscription,
)
from apps.transactions.services import project_invoice
from tests.recovery.builders import DAY, FAILED_AT, a_subscription, an_invoice, paid

pytestmark = pytest.mark.django_db

PERIOD_END = FAILED_AT + 30 * DAY


@pytest.fixture
def merchant():
    return Merchant.objects.create(name="Studio", stripe_account_id="acct_1")


def project(merchant, at=FAILED_AT, **changes) -> Subscription:
    project_subscription(merchant=merchant, facts=a_subscription(**changes), read_at=at)
    return Subscription.objects.get(merchant=merchant)


def a_case(merchant, invoice=None, at=FAILED_AT) -> RecoveryCase:
    invoice = invoice or an_invoice()
    case = recovery.observe_invoice(merchant=merchant, invoice=invoice, now=at)
    project_invoice(merchant=merchant, invoice=invoice, case=case, read_at=at)
    return RecoveryCase.objects.get(stripe_invoice_id=invoice.id)


@pytest.mark.parametrize(
    ("changes", "next_payment", "end"),
    [
        ({"status": "active"}, PERIOD_END, None),
        ({"status": "past_due"}, PERIOD_END, None),
        ({"status": "trialing", "trial_end": FAILED_AT + DAY}, FAILED_AT + DAY, None),
        ({"status": "active", "cancel_at_period_end": True}, None, PERIOD_END),
        ({"status": "active", "cancel_at": PERIOD_END + DAY}, PERIOD_END, PERIOD_END + DAY),
        ({"status": "canceled", "ended_at": FAILED_AT}, None, None),
        ({"status": "canceled", "ended_at": FAILED_AT, "cancel_at": FAILED_AT}, None, None),
        ({"status": "unpaid"}, None, None),
        ({"status": "active", "collection_paused": True}, None, None),
        ({"status": "active", "current_period_end": None}, None, None),
    ],
)  # fmt: skip
def test_when_the_next_payment_and_the_end_come(changes, next_payment, end):
    facts = a_subscription(**changes)

    assert next_payment_at(facts) == next_payment
    assert ends_at(facts) == end


def test_a_subscription_is_written_with_its_customer(merchant):
    Customer.objects.create(
        merchant=merchant, stripe_customer_id="cus_1", name="Ada", read_at=FAILED_AT
    )
    row = project(merchant, status="active")

    assert (row.status, row.offer_name, row.amount) == (
        "active", "Studio Membership", Money(14_900, "usd"),
    )  # fmt: skip
    assert (row.interval, row.interval_count) == ("month", 1)
    assert (row.customer_name, row.kind) == ("Ada", "subscription")


def test_an_older_read_changes_nothing(merchant):
    project(merchant, FAILED_AT + DAY, status="active")

    assert project(merchant, FAILED_AT, status="past_due").status == "active"


def test_what_only_some_reads_show_is_kept(merchant):
    project(merchant, installments_total=6)
    row = project(merchant, offer_name="", installments_total=None)

    assert (row.offer_name, row.installments_total) == ("Studio Membership", 6)
    assert row.kind == "payment_plan"


def test_an_open_case_shows_on_its_subscription(merchant):
    project(merchant)
    case = a_case(merchant)
    apply_case(case=case)

    row = Subscription.objects.get()
    assert (row.case_id, row.case_status, row.next_step) == (case.pk, "open", "stripe")
    assert row.next_try_at == case.next_try_at
    assert (row.amount_due_minor, row.past_due_since) == (14_900, FAILED_AT)


def test_a_recovered_case_leaves_nothing_due(merchant):
    project(merchant)
    a_case(merchant)
    later = FAILED_AT + DAY
    case = a_case(merchant, paid(an_invoice(), later), later)
    project(merchant, later, status="active")
    apply_case(case=case)

    row = Subscription.objects.get()
    assert (row.status, row.case_status, row.next_step) == ("active", "recovered", "")
    assert (row.next_try_at, row.past_due_since, row.amount_due_minor) == (None, None, 0)


def test_of_two_open_cases_the_older_is_shown_and_both_are_due(merchant):
    project(merchant)
    first = a_case(merchant)
    second_try = replace(an_invoice().tries[0], charge_id="ch_b", at=FAILED_AT + DAY)
    second = a_case(merchant, an_invoice(id="in_2", tries=(second_try,)), FAILED_AT + DAY)
    apply_case(case=second)

    row = Subscription.objects.get()
    assert (row.case_id, row.amount_due_minor) == (first.pk, 29_800)
    assert row.past_due_since == FAILED_AT


def test_ended_for_nonpayment_as_stripe_says(merchant):
    row = project(
        merchant, status="canceled", ended_at=FAILED_AT, cancellation_reason="payment_failed"
    )

    assert row.ended_for_nonpayment


def test_ended_by_the_customer_is_no_nonpayment(merchant):
    row = project(
        merchant,
        status="canceled",
        ended_at=FAILED_AT,
        cancellation_reason="cancellation_requested",
    )

    assert not row.ended_for_nonpayment


def test_ended_by_our_final_action_is_nonpayment(merchant):
    case = a_case(merchant)
    RecoveryCase.objects.update(
        status="lost", end_reason="tries_used_up", closed_at=FAILED_AT + timedelta(days=21)
    )
    row = project(
        merchant,
        status="canceled",
        ended_at=FAILED_AT,
        cancellation_reason="cancellation_requested",
    )

    assert row.ended_for_nonpayment
    assert row.case_id == case.pk


class TestPaymentPlan:
    def invoices(self, merchant, paid_ones: int, missed: int = 0) -> None:
        for number in range(paid_ones):
            invoice = replace(paid(an_invoice(tries=()), FAILED_AT), id=f"in_paid_{number}")
            project_invoice(merchant=merchant, invoice=invoice, case=None, read_at=FAILED_AT)
        for number in range(missed):
            a_case(
                merchant,
                an_invoice(
                    id=f"in_missed_{number}",
                    tries=(replace(an_invoice().tries[0], charge_id=f"ch_{number}"),),
                ),
            )

    def test_paid_and_missed_instalments_are_counted_by_invoice(self, merchant):
        self.invoices(merchant, 3, missed=1)
        row = project(merchant, installments_total=6)

        assert (row.installments_paid, row.installments_missed) == (3, 1)

    def test_a_plan_that_is_paid_to_its_end_is_completed(self, merchant):
        self.invoices(merchant, 6)
        row = project(merchant, installments_total=6, status="canceled", ended_at=FAILED_AT)

        assert (row.status, row.ended_for_nonpayment) == ("completed", False)

    def test_a_plan_that_ends_unpaid_is_canceled_until_the_last_one_is_paid(self, merchant):
        self.invoices(merchant, 5)
        row = project(merchant, installments_total=6, status="canceled", ended_at=FAILED_AT)
        assert row.status == "canceled"

        self.invoices(merchant, 6)
        refresh_subscription(merchant=merchant, subscription_id="sub_1")

        assert Subscription.objects.get().status == "completed"


def test_refreshing_what_was_never_read_does_nothing(merchant):
    refresh_subscription(merchant=merchant, subscription_id="sub_unknown")

    assert not Subscription.objects.exists()
