"""The attempt protocol: every answer Stripe can give, and every place a worker can die."""

import datetime as dt
import inspect
from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import Merchant
from apps.accounts.queries import charging_stop
from apps.dunning.facts import Decline
from apps.recovery import services
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services import attempts as protocol
from apps.stripe_gateway import client
from apps.stripe_gateway.errors import (
    AccessDenied,
    Busy,
    InvoiceNotOpen,
    NeedsAuthentication,
    NoPaymentMethod,
    NotFound,
    OutcomeUnknown,
    PaymentDeclined,
)
from apps.webhooks.services.sweeping import sweep_merchant
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.recovery.builders import (
    DAY,
    FAILED_AT,
    HOUR,
    NO_FUNDS,
    a_subscription,
    failed_try,
    paid,
)
from tests.recovery.conftest import FAKED
from tests.recovery.fake_stripe import FakeStripe

Status = Attempt.Status


@pytest.fixture
def case(merchant, stripe) -> RecoveryCase:
    return services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)


@pytest.fixture
def attempt(case) -> Attempt:
    return case.attempts.get()


def run(attempt, stripe, *answers) -> Attempt:
    """Run a due attempt against scripted answers, at its due time."""
    stripe.now = attempt.due_at
    stripe.answers = list(answers)
    services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)
    attempt.refresh_from_db()
    attempt.case.refresh_from_db()
    return attempt


def settle(attempt, stripe, *answers, after=HOUR) -> Attempt:
    stripe.answers = list(answers)
    Attempt.objects.filter(pk=attempt.pk).update(lease_until=None)
    services.settle_attempt(attempt_id=attempt.pk, now=attempt.due_at + after)
    attempt.refresh_from_db()
    attempt.case.refresh_from_db()
    return attempt


def test_the_fake_has_the_signatures_of_the_gateway():
    for name in FAKED:
        real, fake = getattr(client, name), getattr(FakeStripe, name)
        assert list(inspect.signature(real).parameters) == [
            one for one in inspect.signature(fake).parameters if one != "self"
        ]


class TestTheAnswer:
    def test_no_method_asks_for_a_card_and_counts_no_attempt(self, attempt, stripe):
        stripe.meanwhile = lambda invoice: replace(invoice, method=None)

        run(attempt, stripe, NoPaymentMethod("missing", "no payment method"))

        assert (attempt.status, attempt.skip_reason) == (Status.SKIPPED, "no_method")
        assert (attempt.case.retries_made, attempt.case.next_step) == (0, "no_method")

    def test_paid_recovers_the_case(self, attempt, stripe):
        run(attempt, stripe, "paid")

        case = attempt.case
        assert attempt.status == Status.SUCCEEDED
        assert (case.status, case.end_reason) == ("recovered", "paid")
        assert case.recovered_minor == 14900
        assert case.closed_at == attempt.due_at
        assert Try.objects.get(stripe_charge_id="ch_paid").attempt == attempt

    def test_recovery_leaves_the_billing_date_where_it_was(self, attempt, stripe):
        run(attempt, stripe, "paid")

        data = attempt.case.events.get(kind=CaseEvent.Kind.RECOVERED).data
        assert data["billing_date_before"] == data["next_payment_at"] is not None

    def test_declined_plans_the_next_retry(self, attempt, stripe):
        run(attempt, stripe, PaymentDeclined(NO_FUNDS, "ch_2", "pi_1"))

        following = attempt.case.attempts.get(status=Status.SCHEDULED)
        assert attempt.status == Status.DECLINED
        assert attempt.case.retries_made == 1
        assert following.number == 2
        assert following.due_at > attempt.due_at
        assert Try.objects.get(stripe_charge_id="ch_2").attempt == attempt

    def test_a_hard_decline_waits_for_a_new_card(self, attempt, stripe):
        stolen = Decline(code="card_declined", decline_code="stolen_card")

        run(attempt, stripe, PaymentDeclined(stolen, "ch_2", "pi_1"))

        assert attempt.case.next_step == RecoveryCase.Step.NEW_CARD
        assert not attempt.case.attempts.filter(status=Status.SCHEDULED).exists()

    @pytest.mark.parametrize(
        "error",
        [
            NeedsAuthentication("pi_1", "ch_2", Decline("authentication_required")),
            NeedsAuthentication("pi_1"),
        ],
        ids=["402", "400"],
    )
    def test_3d_secure_waits_for_the_customer(self, attempt, stripe, error):
        run(attempt, stripe, error)

        assert attempt.status == Status.NEEDS_CUSTOMER
        assert attempt.case.next_step == RecoveryCase.Step.AUTHENTICATION
        assert not attempt.case.attempts.filter(status=Status.SCHEDULED).exists()

    def test_processing_waits_for_the_bank(self, attempt, stripe):
        run(attempt, stripe, "processing")

        assert attempt.status == Status.PROCESSING
        assert attempt.case.next_step == RecoveryCase.Step.PROCESSING
        assert services.due_attempts(now=attempt.due_at + 60 * DAY) == []

    def test_a_bank_payment_that_fails_days_later_goes_on_with_the_ladder(self, attempt, stripe):
        run(attempt, stripe, "processing")
        late = failed_try("ch_debit", attempt.due_at + HOUR)
        stripe.invoice = replace(
            stripe.invoice, processing=False, tries=(*stripe.invoice.tries, late)
        )

        services.observe_invoice(
            merchant=attempt.case.merchant, invoice=stripe.invoice, now=attempt.due_at + 4 * DAY
        )

        attempt.refresh_from_db()
        assert attempt.status == Status.DECLINED
        assert attempt.case.attempts.filter(status=Status.SCHEDULED, number=2).exists()

    def test_busy_goes_back_to_the_schedule_with_the_same_key(self, attempt, stripe):
        run(attempt, stripe, Busy("lock_timeout"))
        assert attempt.status == Status.SCHEDULED

        run(attempt, stripe, "paid")
        assert attempt.status == Status.SUCCEEDED
        assert stripe.pays == [str(attempt.key)] * 2

    def test_planning_again_does_not_push_a_busy_attempt_to_the_next_day(self, attempt, stripe):
        run(attempt, stripe, Busy("lock_timeout"))
        due_at = attempt.due_at

        services.observe_invoice(
            merchant=attempt.case.merchant,
            invoice=stripe.invoice,
            now=due_at - dt.timedelta(minutes=1),
        )

        attempt.refresh_from_db()
        assert attempt.due_at == due_at

    def test_a_timeout_is_unknown_and_blocks_everything_else(self, attempt, stripe):
        run(attempt, stripe, OutcomeUnknown("timed out"))

        assert attempt.status == Status.UNKNOWN
        assert attempt.case.next_step == RecoveryCase.Step.CHECKING
        services.observe_invoice(
            merchant=attempt.case.merchant, invoice=stripe.invoice, now=attempt.due_at + DAY
        )
        assert not attempt.case.attempts.filter(status=Status.SCHEDULED).exists()

    def test_already_paid_by_the_customer_is_no_charge_of_ours(self, attempt, stripe):
        stripe.meanwhile = lambda invoice: paid(invoice, attempt.due_at)

        run(attempt, stripe, InvoiceNotOpen("invoice_already_paid"))

        assert (attempt.status, attempt.skip_reason) == (Status.SKIPPED, "invoice_not_open")
        assert attempt.case.status == "recovered"

    def test_one_refusal_of_our_key_holds_the_merchant_until_stripe_takes_it_again(
        self, attempt, stripe, monkeypatch
    ):
        due_at, merchant = attempt.due_at, attempt.case.merchant
        stripe.read_errors = [AccessDenied("revoked")]
        run(attempt, stripe)

        assert attempt.status == Status.SCHEDULED
        assert charging_stop(Merchant.objects.get()).code == "access_denied"
        later = due_at + HOUR
        reads = stripe.reads
        services.run_attempt(attempt_id=attempt.pk, now=later)
        assert services.due_attempts(now=later) == []
        assert (stripe.reads, stripe.pays) == (reads, []), "no burst of refused calls"

        monkeypatch.setattr(client, "list_events", lambda **_: iter(()))
        sweep_merchant(merchant=merchant, now=later)
        assert services.due_attempts(now=later) == [attempt.pk]

    def test_a_refused_charge_is_kept_under_its_key(self, attempt, stripe):
        key = attempt.key
        run(attempt, stripe, AccessDenied("revoked"))

        assert (attempt.status, attempt.key) == (Status.SCHEDULED, key)
        assert charging_stop(Merchant.objects.get()).code == "access_denied"

    def test_a_read_of_nothing_charges_nothing_and_waits_a_day(self, attempt, stripe):
        stripe.read_errors = [NotFound("resource_missing")]

        run(attempt, stripe)

        assert stripe.pays == []
        assert (attempt.status, attempt.skip_reason) == (Status.SKIPPED, "refused")
        assert attempt.case.decide_by == attempt.due_at + DAY

    def test_a_read_without_answer_tries_again_later(self, attempt, stripe):
        due_at = attempt.due_at
        stripe.read_errors = [OutcomeUnknown("timed out")]

        run(attempt, stripe)

        assert stripe.pays == []
        assert attempt.status == Status.SCHEDULED
        assert attempt.due_at > due_at


class TestRightBeforeTheCharge:
    @pytest.mark.parametrize(
        ("change", "status"),
        [
            (lambda invoice, at: paid(invoice, at), "recovered"),
            (lambda invoice, at: replace(invoice, status="void"), "lost"),
            (lambda invoice, at: replace(invoice, status="uncollectible"), "lost"),
            (
                lambda invoice, at: replace(
                    invoice,
                    subscription=a_subscription(
                        status="canceled", cancellation_reason="cancellation_requested"
                    ),
                ),
                "stopped",
            ),
        ],
        ids=["paid", "void", "uncollectible", "canceled"],
    )
    def test_what_changed_since_planning_stops_the_charge(self, attempt, stripe, change, status):
        stripe.invoice = change(stripe.invoice, attempt.due_at)

        run(attempt, stripe)

        assert stripe.pays == []
        assert attempt.status == Status.SKIPPED
        assert attempt.case.status == status

    def test_nothing_is_charged_while_stripe_retries_are_on_again(self, attempt, stripe):
        stripe.invoice = replace(
            stripe.invoice, auto_advance=True, next_payment_attempt=attempt.due_at + DAY
        )

        run(attempt, stripe)

        assert stripe.pays == []
        assert attempt.skip_reason == "stripe_retries"
        assert attempt.case.takeover == RecoveryCase.Takeover.WANTED

    def test_nothing_is_charged_before_the_takeover_is_confirmed(self, merchant, stripe):
        stripe.takeover_errors = [OutcomeUnknown("timed out")]
        case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
        attempt = case.attempts.get()

        assert services.due_attempts(now=attempt.due_at + DAY) == []
        services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at + DAY)

        assert stripe.reads == 0
        services.repeat_takeovers(now=FAILED_AT + HOUR)
        assert services.due_attempts(now=attempt.due_at) == [attempt.pk]
        assert len(set(stripe.takeovers)) == 2

    def test_the_kill_switch_of_a_merchant_stops_charges(self, attempt, stripe, merchant):
        merchant.charging_on = False
        merchant.save()

        assert services.due_attempts(now=attempt.due_at) == []
        services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)
        assert stripe.pays == []

    def test_a_hard_decline_seen_in_the_meantime_stops_the_charge(self, attempt, stripe):
        lost = failed_try("ch_customer", FAILED_AT + HOUR, Decline("card_declined", "lost_card"))
        stripe.invoice = replace(stripe.invoice, tries=(*stripe.invoice.tries, lost))

        run(attempt, stripe)

        assert stripe.pays == []
        assert attempt.case.next_step == RecoveryCase.Step.NEW_CARD

    def test_a_card_lost_on_another_invoice_is_not_charged_for_this_one(self, attempt, stripe):
        lost = replace(
            stripe.invoice,
            id="in_other",
            tries=(
                failed_try(
                    "ch_lost", at=FAILED_AT + HOUR, decline=Decline("card_declined", "lost_card")
                ),
            ),
        )
        services.observe_invoice(merchant=attempt.case.merchant, invoice=lost, now=FAILED_AT + HOUR)

        run(attempt, stripe)

        assert stripe.pays == []
        assert (attempt.status, attempt.skip_reason) == ("skipped", "another_card_needed")
        assert attempt.case.next_step == "new_card"


class TestTwoWorkers:
    def test_only_one_claim_wins(self, attempt, stripe):
        stripe.answers, stripe.now = ["paid"], attempt.due_at

        services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)
        services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)

        assert len(stripe.pays) == 1

    def test_nothing_runs_before_it_is_due(self, attempt, stripe):
        services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at - HOUR)

        assert stripe.reads == 0

    def test_a_claimed_attempt_cannot_be_claimed_again(self, attempt):
        assert protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)
        assert not protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)

    def test_a_running_attempt_is_left_alone_until_its_lease_ends(self, attempt, stripe):
        protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)

        assert services.unsettled_attempts() == []
        services.settle_attempt(attempt_id=attempt.pk, now=attempt.due_at)
        assert stripe.reads == 0

    def test_a_webhook_during_the_charge_leaves_the_outcome_to_the_answer(
        self, attempt, stripe, merchant
    ):
        protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)
        seen = paid(stripe.invoice, attempt.due_at)

        services.observe_invoice(merchant=merchant, invoice=seen, now=attempt.due_at)

        attempt.refresh_from_db()
        assert attempt.status == Status.RUNNING
        assert attempt.case.status == "open"


class TestAfterACrash:
    def test_between_claim_and_call_it_is_carried_out_once(self, attempt, stripe):
        protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)
        stripe.now = attempt.due_at

        settle(attempt, stripe, "paid")

        assert attempt.status == Status.SUCCEEDED
        assert len(stripe.pays) == 1

    def test_between_call_and_record_the_read_tells(self, attempt, stripe):
        """Stripe charged; the worker died before it could write."""
        sent(attempt)
        stripe.invoice = paid(stripe.invoice, attempt.due_at)

        settle(attempt, stripe)

        assert stripe.pays == []
        assert attempt.status == Status.SUCCEEDED
        assert attempt.case.status == "recovered"

    def test_what_the_customer_pays_much_later_is_not_the_attempts(self, attempt, stripe):
        """Nothing of ours was executed; hours later they pay on Stripe's own page."""
        sent(attempt)
        stripe.invoice = paid(stripe.invoice, attempt.due_at + 3 * HOUR)

        settle(attempt, stripe, after=4 * HOUR)

        assert (attempt.status, attempt.skip_reason) == (Status.SKIPPED, "not_executed")
        assert attempt.case.status == "recovered"
        assert attempt.case.events.get(kind=CaseEvent.Kind.RECOVERED).data["attempt"] is None

    def test_a_lost_request_is_repeated_under_the_same_key(self, attempt, stripe):
        sent(attempt)
        stripe.now = attempt.due_at + HOUR

        settle(attempt, stripe, "paid")

        assert stripe.pays == [str(attempt.key)]
        assert attempt.status == Status.SUCCEEDED

    def test_a_repeated_key_that_is_still_at_work_stays_unknown(self, attempt, stripe):
        sent(attempt)

        settle(attempt, stripe, Busy("idempotency_key_in_use"))

        assert attempt.status == Status.UNKNOWN

    def test_a_key_past_23_hours_is_never_sent_again(self, attempt, stripe):
        sent(attempt)

        settle(attempt, stripe, after=23 * HOUR)

        assert stripe.pays == []
        assert attempt.status == Status.UNKNOWN

    def test_a_dead_key_without_a_charge_did_not_run(self, attempt, stripe):
        sent(attempt)

        settle(attempt, stripe, after=25 * HOUR)

        assert stripe.pays == []
        assert (attempt.status, attempt.skip_reason) == (Status.SKIPPED, "not_executed")
        assert attempt.case.attempts.filter(status=Status.SCHEDULED).exists()

    def test_a_dead_key_proves_nothing_while_a_payment_is_under_way(self, attempt, stripe):
        """An Indian card's payment has no charge until the bank decides, days later."""
        sent(attempt)
        stripe.invoice = replace(stripe.invoice, processing=True)

        settle(attempt, stripe, after=25 * HOUR)

        assert stripe.pays == []
        assert attempt.status == Status.UNKNOWN

        late = failed_try("ch_late", attempt.due_at, NO_FUNDS)
        stripe.invoice = replace(
            stripe.invoice, processing=False, tries=(*stripe.invoice.tries, late)
        )
        settle(attempt, stripe, after=60 * HOUR)

        assert attempt.status == Status.DECLINED

    def test_nothing_is_repeated_for_a_customer_who_canceled(self, attempt, stripe):
        sent(attempt)
        stripe.invoice = replace(
            stripe.invoice,
            subscription=a_subscription(
                status="canceled", cancellation_reason="cancellation_requested"
            ),
        )

        settle(attempt, stripe)

        assert stripe.pays == []
        assert attempt.status == Status.UNKNOWN

    def test_an_unknown_decline_is_found_by_reading(self, attempt, stripe):
        run(attempt, stripe, OutcomeUnknown("timed out"))
        found = failed_try("ch_2", attempt.due_at)
        stripe.invoice = replace(stripe.invoice, tries=(*stripe.invoice.tries, found))

        settle(attempt, stripe)

        assert stripe.pays == [str(attempt.key)]
        assert attempt.status == Status.DECLINED
        assert attempt.case.attempts.filter(status=Status.SCHEDULED, number=2).exists()

    def test_stripe_being_down_settles_nothing(self, attempt, stripe):
        sent(attempt)
        stripe.read_errors = [OutcomeUnknown("timed out")]

        settle(attempt, stripe, after=30 * DAY)

        assert attempt.status == Status.RUNNING


class TestRetryNow:
    def test_charges_once_and_keeps_the_planned_retry_when_declined(self, case, attempt, stripe):
        user = UserFactory()
        at = FAILED_AT + 2 * HOUR
        stripe.now, stripe.answers = at, [PaymentDeclined(NO_FUNDS, "ch_2", "pi_1")]

        started = services.retry_now(merchant=case.merchant, case_id=case.pk, user=user, now=at)
        services.carry_out(attempt_id=started.attempt_id, now=at)

        manual = Attempt.objects.get(pk=started.attempt_id)
        case.refresh_from_db()
        assert manual.status == Status.DECLINED
        assert case.retries_made == 0
        assert case.attempts.get(status=Status.SCHEDULED).pk == attempt.pk

    def test_a_second_click_starts_nothing(self, case):
        user, at = UserFactory(), FAILED_AT + 2 * HOUR
        services.retry_now(merchant=case.merchant, case_id=case.pk, user=user, now=at)

        with pytest.raises(services.NotNow, match="under way"):
            services.retry_now(merchant=case.merchant, case_id=case.pk, user=user, now=at)

    def test_a_hard_decline_cannot_be_retried_by_hand(self, merchant, stripe):
        lost = failed_try(decline=Decline("card_declined", "lost_card"))
        stripe.invoice = replace(stripe.invoice, tries=(lost,))
        case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)

        with pytest.raises(services.NotNow):
            services.retry_now(
                merchant=merchant, case_id=case.pk, user=UserFactory(), now=FAILED_AT + DAY
            )

    def test_another_merchant_has_no_such_case(self, case):
        with pytest.raises(RecoveryCase.DoesNotExist):
            services.retry_now(
                merchant=MerchantFactory(), case_id=case.pk, user=UserFactory(), now=FAILED_AT
            )


class TestTheDatabaseRefuses:
    def test_two_unsettled_attempts_of_one_case(self, case, attempt):
        Attempt.objects.filter(pk=attempt.pk).update(status=Status.UNKNOWN)

        with pytest.raises(IntegrityError), transaction.atomic():
            Attempt.objects.create(
                case=case, number=9, status=Status.RUNNING, due_at=attempt.due_at
            )

    def test_the_same_ordinal_twice(self, case, attempt):
        with pytest.raises(IntegrityError), transaction.atomic():
            Attempt.objects.create(
                case=case, number=attempt.number, status=Status.DECLINED, due_at=attempt.due_at
            )

    def test_a_skip_without_a_reason(self, attempt):
        with pytest.raises(IntegrityError), transaction.atomic():
            Attempt.objects.filter(pk=attempt.pk).update(status=Status.SKIPPED)

    def test_a_second_case_for_one_invoice(self, case):
        case.pk = None
        with pytest.raises(IntegrityError), transaction.atomic():
            case.save(force_insert=True)

    def test_a_closed_case_without_a_time(self, case):
        with pytest.raises(IntegrityError), transaction.atomic():
            RecoveryCase.objects.filter(pk=case.pk).update(status="lost", end_reason="voided")


def sent(attempt: Attempt) -> None:
    """Leave the attempt as a worker does that dies right after committing the request."""
    protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)
    Attempt.objects.filter(pk=attempt.pk).update(
        sent_at=attempt.due_at, last_sent_at=attempt.due_at, request={"invoice": "in_1"}
    )
    attempt.refresh_from_db()
