"""Due charges that wait: late ones without a burst, too many at once, nobody answers."""

import pytest
from django.db import IntegrityError, transaction

from apps.dunning.facts import Decline
from apps.recovery import services
from apps.recovery.models import AccountPace, Attempt, RecoveryCase, Try
from apps.recovery.services import pacing
from apps.stripe_gateway.errors import Busy
from tests.accounts.factories import UserFactory
from tests.recovery.builders import DAY, FAILED_AT, HOUR
from tests.recovery.factories import CaseFactory

Status = Attempt.Status


@pytest.fixture
def attempt(merchant, stripe) -> Attempt:
    case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
    return case.attempts.get()


def run(attempt, stripe, *answers, after=0 * HOUR) -> Attempt:
    stripe.now, stripe.answers = attempt.due_at + after, list(answers)
    services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at + after)
    attempt.refresh_from_db()
    attempt.case.refresh_from_db()
    return attempt


def others(attempt, number, status, *, ago=HOUR / 60):
    """Make charges of other customers that were sent a moment ago."""
    for _ in range(number):
        case = CaseFactory(merchant=attempt.case.merchant)
        moment = attempt.due_at - ago
        case.attempts.create(number=1, due_at=moment, sent_at=moment, status=status)


class TestLate:
    def test_what_comes_much_too_late_is_spread_over_an_hour(self, attempt, stripe):
        due = attempt.due_at
        run(attempt, stripe, after=26 * HOUR)

        assert (attempt.status, stripe.pays) == (Status.SCHEDULED, [])
        assert due + 26 * HOUR <= attempt.due_at <= due + 27 * HOUR
        case = attempt.case
        assert case.next_try_at == attempt.due_at, "the page says the true time"
        assert case.reasons[0]["text"].startswith("Late by 26 hours")

        run(attempt, stripe, "paid")
        assert attempt.status == Status.SUCCEEDED

    def test_a_read_in_between_does_not_hurry_it(self, attempt, stripe):
        late = attempt.due_at + 26 * HOUR
        run(attempt, stripe, after=26 * HOUR)
        moved = attempt.due_at

        services.refresh_case(merchant=attempt.case.merchant, invoice_id="in_1", now=late)

        attempt.refresh_from_db()
        assert attempt.due_at == moved

    def test_a_little_late_is_on_time(self, attempt, stripe):
        assert run(attempt, stripe, "paid", after=HOUR).status == Status.SUCCEEDED

    def test_many_are_spread_evenly(self):
        cases = [RecoveryCase(stripe_invoice_id=f"in_{n}") for n in range(2_000)]
        waits = [
            pacing.spread(Attempt(case=case, number=1), pacing.SPREAD).total_seconds()
            for case in cases
        ]
        minutes = [sum(60 * m <= wait < 60 * m + 60 for wait in waits) for m in range(60)]
        assert max(minutes) < 60, "no minute holds more than twice its share"


class TestPace:
    def test_an_account_that_runs_ahead_waits_some_seconds(self, attempt, stripe):
        AccountPace.objects.create(
            merchant=attempt.case.merchant, free_at=attempt.due_at + 5 * pacing.BURST
        )
        due = attempt.due_at

        run(attempt, stripe)

        assert (attempt.status, stripe.pays) == (Status.SCHEDULED, [])
        assert due < attempt.due_at < due + HOUR / 60

    def test_no_more_start_at_once_than_the_burst_allows(self, attempt):
        most = pacing.PER_SECOND * int(pacing.BURST.total_seconds())
        with transaction.atomic():
            answers = [
                pacing.must_wait(attempt=attempt, now=attempt.due_at) for _ in range(most + 5)
            ]
        assert answers[:most] == [None] * most
        assert all(wait and wait.code == "pace" for wait in answers[most:])

    def test_too_many_requests_slow_the_account_down(self, attempt, stripe):
        run(attempt, stripe, Busy("rate_limit"))

        assert AccountPace.objects.get().free_at > stripe.now
        assert attempt.status == Status.SCHEDULED
        assert attempt.case.retries_made == 0

    def test_one_row_an_account(self, attempt):
        AccountPace.objects.create(merchant=attempt.case.merchant, free_at=FAILED_AT)
        with pytest.raises(IntegrityError), transaction.atomic():
            AccountPace.objects.create(merchant=attempt.case.merchant, free_at=FAILED_AT)


class TestNobodyGetsThrough:
    def test_while_stripe_answers_nobody_nothing_starts(self, attempt, stripe):
        others(attempt, 5, Status.UNKNOWN)

        run(attempt, stripe)

        assert stripe.pays == []
        assert attempt.case.reasons[0]["code"] == "stripe_fails"
        run(attempt, stripe, "paid")
        assert attempt.status == Status.SUCCEEDED, "asked again some minutes later"

    def test_one_answer_is_enough(self, attempt, stripe):
        others(attempt, 5, Status.UNKNOWN)
        others(attempt, 1, Status.DECLINED)

        assert run(attempt, stripe, "paid").status == Status.SUCCEEDED

    @pytest.mark.parametrize(
        ("reason", "held"), [("issuer_not_available", True), ("insufficient_funds", False)]
    )
    def test_a_network_that_fails_for_everyone_is_waited_out(self, attempt, stripe, reason, held):
        decline = Decline("card_declined", reason)
        Try.objects.bulk_create(
            Try(
                merchant=attempt.case.merchant,
                stripe_charge_id=f"ch_other_{n}",
                at=attempt.due_at - HOUR / 2,
                status="failed",
                amount_minor=1,
                amount_due_minor=1,
                amount_remaining_minor=1,
                currency="usd",
                method_brand="visa",
                failure_code=decline.code,
                decline_code=decline.decline_code,
            )
            for n in range(25)
        )

        run(attempt, stripe, "paid")

        assert (attempt.status == Status.SCHEDULED) == held
        if held:
            assert attempt.case.reasons[0]["text"].startswith("Visa fails for everyone: 25 of")

    def test_a_person_is_not_held_back(self, attempt, stripe):
        others(attempt, 5, Status.UNKNOWN)
        now = attempt.due_at - DAY
        started = services.retry_now(
            merchant=attempt.case.merchant,
            case_id=attempt.case_id,
            user=UserFactory(),
            now=now,
        )
        stripe.now, stripe.answers = now, ["paid"]
        services.carry_out(attempt_id=started.attempt_id, now=now)
        assert stripe.pays
