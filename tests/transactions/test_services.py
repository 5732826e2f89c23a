from dataclasses import replace
from datetime import timedelta

import pytest

from apps.accounts.models import Merchant
from apps.dunning.money import Money
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase, Try
from apps.stripe_gateway.facts import ChargeFacts, CustomerFacts
from apps.transactions import queries
from apps.transactions.models import Transaction
from apps.transactions.services import apply_case, project_charge, project_invoice, was_read_later
from tests.recovery.builders import FAILED_AT, HOUR, an_invoice, failed_try, paid, paid_try

pytestmark = pytest.mark.django_db

ADA = CustomerFacts(id="cus_1", name="Ada", email="ada@example.com")


@pytest.fixture
def merchant():
    return Merchant.objects.create(
        name="Studio", stripe_account_id="acct_1", time_zone="America/New_York"
    )


def project(merchant, invoice, at=FAILED_AT) -> Transaction:
    case = recovery.observe_invoice(merchant=merchant, invoice=invoice, now=at)
    project_invoice(merchant=merchant, invoice=invoice, case=case, read_at=at)
    return Transaction.objects.get(stripe_id=invoice.id)


def test_a_failed_renewal_shows_everything_about_its_last_try(merchant):
    row = project(merchant, an_invoice(customer=ADA, number="A-1"))

    assert row.status == "retrying"
    assert (row.customer_name, row.customer_email) == ("Ada", "ada@example.com")
    assert (row.failure_code, row.decline_code) == ("card_declined", "insufficient_funds")
    assert row.decline_words == "Insufficient funds"
    assert (row.method_brand, row.method_last4) == ("visa", "3119")
    assert (row.tries, row.stripe_attempt_count) == (1, 1)
    assert (row.at, row.first_failed_at, row.last_tried_at) == (FAILED_AT,) * 3
    assert row.stripe_goes_on == "Stripe tries again on Thu the 5th, 09:00"
    assert (row.next_try_by, row.case_status) == ("stripe", "open")


def test_tries_are_counted_as_charges_that_ran_not_as_stripe_counts(merchant):
    second = failed_try("ch_second", FAILED_AT + HOUR)
    row = project(
        merchant, an_invoice(attempt_count=5, tries=(failed_try(), second)), FAILED_AT + HOUR
    )

    assert (row.tries, row.stripe_attempt_count) == (2, 5)
    assert row.stripe_charge_id == "ch_second"
    assert (row.at, row.last_tried_at) == (FAILED_AT, FAILED_AT + HOUR)
    assert [one.stripe_charge_id for one in queries.tries_of(row)] == ["ch_first", "ch_second"]


def test_paid_after_a_failure_is_recovered_and_keeps_the_reason(merchant):
    project(merchant, an_invoice())
    row = project(
        merchant, paid(an_invoice(), FAILED_AT + timedelta(days=3)), FAILED_AT + timedelta(days=3)
    )

    assert (row.status, row.status_detail) == ("recovered", "After 3 days")
    assert row.recovered_at == FAILED_AT + timedelta(days=3)
    assert row.decline_code == "insufficient_funds"
    assert (row.next_try_at, row.next_try_by) == (None, "")
    assert row.amount_remaining_minor == 0


def test_paid_at_once_succeeded(merchant):
    invoice = replace(paid(an_invoice(), FAILED_AT), tries=(paid_try(),))
    row = project(merchant, invoice)

    assert (row.status, row.case_id, row.first_failed_at) == ("succeeded", None, None)
    assert row.stripe_goes_on == ""


def test_a_part_paid_invoice_shows_what_is_left(merchant):
    row = project(merchant, an_invoice(amount_remaining=Money(4_900, "usd")))

    assert (row.amount_minor, row.amount_remaining_minor) == (14_900, 4_900)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "draft", "tries": ()},
        {"amount_due": Money(0, "usd"), "status": "paid", "tries": ()},
        {"amount_due": Money(-500, "usd"), "status": "paid", "tries": ()},
    ],
    ids=["draft", "trial", "credit"],
)
def test_what_nobody_owes_is_no_transaction(merchant, changes):
    invoice = an_invoice(**changes)

    answer = project_invoice(merchant=merchant, invoice=invoice, case=None, read_at=FAILED_AT)

    assert answer is None
    assert not Transaction.objects.exists()


def test_an_older_read_changes_nothing(merchant):
    late = FAILED_AT + HOUR
    project(merchant, an_invoice(number="new"), late)
    project_invoice(
        merchant=merchant,
        invoice=an_invoice(number="old", status="draft"),
        case=None,
        read_at=FAILED_AT,
    )
    project_invoice(
        merchant=merchant, invoice=an_invoice(number="old"), case=None, read_at=FAILED_AT
    )

    row = Transaction.objects.get()
    assert (row.number, row.read_at) == ("new", late)
    assert was_read_later(merchant=merchant, invoice_id="in_1", read_at=FAILED_AT)
    assert not was_read_later(merchant=merchant, invoice_id="in_1", read_at=late)


def test_a_read_that_shows_no_name_keeps_the_one_we_have(merchant):
    project(merchant, an_invoice(customer=ADA))
    row = project(merchant, an_invoice(customer=None))

    assert row.customer_name == "Ada"


def test_a_case_is_shown_again_without_asking_stripe(merchant):
    project(merchant, an_invoice())
    case = RecoveryCase.objects.get()
    RecoveryCase.objects.update(next_step="new_card", next_try_at=None)

    apply_case(case=case)

    assert Transaction.objects.get().status == "needs_card"


def test_a_case_whose_payment_was_not_read_yet_waits(merchant):
    recovery.observe_invoice(merchant=merchant, invoice=an_invoice(), now=FAILED_AT)

    apply_case(case=RecoveryCase.objects.get())

    assert not Transaction.objects.exists()


def test_refunds_of_all_tries_add_up(merchant):
    whole = replace(paid_try(), refunded_minor=14_900)
    row = project(merchant, replace(paid(an_invoice(), FAILED_AT), tries=(failed_try(), whole)))

    assert (row.status, row.amount_refunded_minor) == ("refunded", 14_900)


def test_the_same_invoice_id_of_two_merchants_is_two_rows(merchant):
    other = Merchant.objects.create(name="Other", stripe_account_id="acct_2")
    project(merchant, an_invoice())
    for one in (merchant, other):
        case = recovery.observe_invoice(merchant=one, invoice=an_invoice(), now=FAILED_AT)
        project_invoice(merchant=one, invoice=an_invoice(), case=case, read_at=FAILED_AT)

    assert Transaction.objects.count() == RecoveryCase.objects.count() == 2
    assert {row.case_id for row in Transaction.objects.all()} == {
        case.pk for case in RecoveryCase.objects.all()
    }


class TestChargeWithoutInvoice:
    def test_a_failed_one_is_a_row_of_its_own(self, merchant):
        charge = ChargeFacts(failed_try(), customer_id="cus_1", invoice_id="", description="Tip")

        row = project_charge(merchant=merchant, charge=charge, read_at=FAILED_AT)

        assert row is not None
        assert (row.stripe_id, row.stripe_invoice_id) == ("ch_first", "")
        assert (row.status, row.status_detail) == ("failed", "Not retried")
        assert (row.offer_name, row.tries) == ("Tip", 1)
        assert row.decline_words == "Insufficient funds"

    def test_a_paid_one_too(self, merchant):
        charge = ChargeFacts(paid_try(), customer_id="", invoice_id="")

        row = project_charge(merchant=merchant, charge=charge, read_at=FAILED_AT)

        assert row is not None
        assert (row.status, row.paid_at, row.amount_remaining_minor) == ("succeeded", FAILED_AT, 0)

    def test_one_of_an_invoice_is_none(self, merchant):
        charge = ChargeFacts(paid_try(), customer_id="", invoice_id="in_1")

        assert project_charge(merchant=merchant, charge=charge, read_at=FAILED_AT) is None
        assert not Try.objects.exists()
