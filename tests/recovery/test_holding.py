"""What stops a case: a person's hold, money taken back, the offer bought again, a cancellation."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import Merchant
from apps.accounts.services import set_attached
from apps.recovery import services
from apps.recovery.models import CaseEvent, RecoveryCase
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.recovery.builders import DAY, FAILED_AT, HOUR, a_subscription, paid
from tests.recovery.factories import CaseFactory

Kind = CaseEvent.Kind


@pytest.fixture
def case(merchant, stripe) -> RecoveryCase:
    case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
    assert case.next_step == "retry"
    return case


@pytest.fixture
def user(db):
    return UserFactory()


def hold(case, user, note="She called us", now=FAILED_AT + HOUR) -> RecoveryCase:
    services.hold_case(merchant=case.merchant, case_id=case.pk, user=user, note=note, now=now)
    case.refresh_from_db()
    return case


class TestAPersonsHold:
    def test_nothing_is_tried_and_nothing_ends(self, case, user, stripe):
        hold(case, user)

        assert (case.next_step, case.hold, case.held_by) == ("held", "person", user.email)
        assert case.attempts.get().skip_reason == "on_hold"
        assert services.due_attempts(now=FAILED_AT + 60 * DAY) == []
        services.refresh_case(merchant=case.merchant, invoice_id="in_1", now=FAILED_AT + 60 * DAY)
        assert services.cases_to_finish(now=FAILED_AT + 60 * DAY) == []
        assert case.events.get(kind=Kind.HELD).text.endswith("She called us")

    def test_retry_now_says_why_not(self, case, user):
        hold(case, user)

        with pytest.raises(services.NotNow, match="She called us"):
            services.retry_now(
                merchant=case.merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
            )

    def test_a_claimed_charge_is_not_sent(self, case, user, stripe):
        stripe.now, attempt = FAILED_AT + HOUR, case.attempts.get()
        started = services.retry_now(
            merchant=case.merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
        )
        hold(case, user, now=FAILED_AT + 2 * HOUR)

        services.carry_out(attempt_id=started.attempt_id, now=FAILED_AT + 2 * HOUR)

        assert stripe.pays == []
        assert case.attempts.get(trigger="manual").skip_reason == "on_hold"
        assert attempt.case_id == case.pk

    def test_it_goes_on_where_its_schedule_stands(self, case, user):
        planned = case.next_try_at
        hold(case, user)

        services.release_case(
            merchant=case.merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
        )

        case.refresh_from_db()
        assert (case.hold, case.held_at, case.next_step) == ("", None, "retry")
        assert case.next_try_at == planned
        assert case.events.filter(kind=Kind.RELEASED, actor=user.email).exists()

    def test_a_payment_closes_it_all_the_same(self, case, user, stripe):
        hold(case, user)

        services.observe_invoice(
            merchant=case.merchant,
            invoice=paid(stripe.invoice, FAILED_AT + DAY),
            now=FAILED_AT + DAY,
        )

        case.refresh_from_db()
        assert (case.status, case.held_at) == ("recovered", None)

    def test_only_once_and_only_one_that_is_open(self, case, user):
        hold(case, user)

        with pytest.raises(services.NotNow, match="already"):
            hold(case, user)
        with pytest.raises(RecoveryCase.DoesNotExist):
            services.hold_case(
                merchant=MerchantFactory(), case_id=case.pk, user=user, note="x", now=FAILED_AT
            )

    def test_the_database_holds_no_closed_case(self, case):
        with pytest.raises(IntegrityError), transaction.atomic():
            RecoveryCase.objects.update(
                hold="person", held_at=FAILED_AT, status="lost", closed_at=FAILED_AT
            )


def money_back(case, what, *, invoice_id="in_other", subscription_id="sub_1", charge="ch_9"):
    services.note_money_back(
        merchant=case.merchant,
        what=what,
        charge_id=charge,
        customer_id="cus_1",
        invoice_id=invoice_id,
        subscription_id=subscription_id,
        now=FAILED_AT + HOUR,
    )
    case.refresh_from_db()


class TestMoneyTakenBack:
    @pytest.mark.parametrize("what", ["dispute", "refund"])
    def test_it_holds_what_is_open(self, case, what):
        money_back(case, what)

        assert (case.next_step, case.hold) == ("held", what)

    def test_a_refund_of_another_subscription_holds_nothing(self, case):
        money_back(case, "refund", subscription_id="sub_other")
        assert case.held_at is None

        money_back(case, "dispute", subscription_id="sub_other")
        assert case.hold == "dispute"

    def test_a_release_stands(self, case, user):
        money_back(case, "dispute")
        services.release_case(
            merchant=case.merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
        )

        money_back(case, "dispute")

        assert case.held_at is None, "the same dispute, reported again"

    def test_a_late_one_is_noted_on_the_recovered_case(self, case, stripe):
        services.observe_invoice(
            merchant=case.merchant,
            invoice=paid(stripe.invoice, FAILED_AT + DAY),
            now=FAILED_AT + DAY,
        )

        money_back(case, "dispute", invoice_id="in_1", charge="ch_paid")

        assert (case.status, case.held_at) == ("recovered", None)
        assert case.events.get(kind=Kind.DISPUTED).text == (
            "The payment was disputed after the case had ended."
        )

    def test_what_stripe_retries_is_only_marked(self, case):
        RecoveryCase.objects.update(engine="stripe", takeover="none")

        money_back(case, "dispute")

        assert case.held_at is None
        assert case.events.filter(kind=Kind.DISPUTED).exists()


class TestBoughtAgain:
    def buy(self, case, **changes):
        new = replace(
            a_subscription(id="sub_2", status="active", started_at=FAILED_AT + HOUR), **changes
        )
        services.note_bought_again(merchant=case.merchant, subscription=new, now=FAILED_AT + HOUR)
        case.refresh_from_db()

    def test_it_stops_the_old_case(self, case):
        self.buy(case)

        assert (case.status, case.end_reason) == ("stopped", "bought_again")
        assert not case.attempts.filter(status="scheduled").exists()

    def test_or_asks_if_the_rules_say_so(self, case, user):
        RecoveryCase.objects.update(rules={**case.rules, "bought_again": "ask"})

        self.buy(case)
        assert (case.status, case.hold) == ("open", "bought_again")

        services.release_case(
            merchant=case.merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
        )
        self.buy(case)
        assert case.held_at is None, "asked once"

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "incomplete"},
            {"product_id": "prod_other"},
            {"customer_id": "cus_other"},
            {"started_at": FAILED_AT - DAY},
            {"id": "sub_1"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_nothing_else_does(self, case, changes):
        self.buy(case, **changes)

        assert (case.status, case.held_at) == ("open", None)


def test_a_cancellation_to_the_periods_end_is_asked_about_once(case, user, stripe):
    canceled = a_subscription(cancel_at_period_end=True, canceled_at=FAILED_AT + HOUR)
    stripe.invoice = replace(stripe.invoice, subscription=canceled)

    services.refresh_case(merchant=case.merchant, invoice_id="in_1", now=FAILED_AT + HOUR)
    case.refresh_from_db()
    assert (case.next_step, case.hold) == ("held", "customer_cancels")

    services.release_case(
        merchant=case.merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
    )
    case.refresh_from_db()
    assert case.next_step == "retry"


def test_one_invoice_of_a_customer_at_a_time(case, user, stripe):
    other = CaseFactory(merchant=case.merchant, stripe_customer_id="cus_1", seen=case.seen)
    attempt = case.attempts.get()
    now = attempt.due_at
    running = other.attempts.create(number=1, due_at=now, status="running", sent_at=now)

    services.run_attempt(attempt_id=attempt.pk, now=now)

    attempt.refresh_from_db()
    case.refresh_from_db()
    assert attempt.status == "scheduled"
    assert attempt.due_at > now
    assert case.next_try_at == attempt.due_at, "the page says the true time"
    with pytest.raises(services.NotNow, match="Another payment of this customer"):
        services.retry_now(merchant=case.merchant, case_id=case.pk, user=user, now=now)

    running.sent_at = now - DAY
    running.status = "declined"
    running.save()
    stripe.now, stripe.answers = attempt.due_at, ["paid"]
    services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)
    case.refresh_from_db()
    assert case.status == "recovered"


def test_a_disconnected_account_is_not_charged(case, user):
    set_attached(merchant=case.merchant, attached=False, now=FAILED_AT)

    assert services.due_attempts(now=FAILED_AT + 30 * DAY) == []
    merchant = Merchant.objects.get()
    with pytest.raises(services.NotNow, match="took Recoup's access back"):
        services.retry_now(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT + HOUR)

    set_attached(merchant=merchant, attached=True, now=FAILED_AT + HOUR)
    assert services.due_attempts(now=FAILED_AT + 30 * DAY)
