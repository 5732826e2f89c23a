"""While charging is off nothing is sent to Stripe; reading goes on, and answers are kept."""

from dataclasses import replace

import pytest

from apps.accounts.models import Installation
from apps.dunning.presets import RECOMMENDED
from apps.recovery import services
from apps.recovery.models import Attempt, RecoveryCase
from apps.recovery.services import NotNow
from apps.recovery.services import attempts as protocol
from apps.retry_settings.models import RetrySettings
from apps.stripe_gateway import client
from apps.stripe_gateway.errors import OutcomeUnknown
from tests.accounts.factories import UserFactory
from tests.recovery.builders import DAY, FAILED_AT, HOUR

Status = Attempt.Status


def merchant_off(merchant):
    merchant.charging_on = False
    merchant.save()


def everybody_off(merchant):
    Installation.objects.update_or_create(pk=1, defaults={"charging_on": False})


def reconciling(merchant):
    Installation.objects.update_or_create(pk=1, defaults={"reconcile_since": FAILED_AT})


@pytest.fixture(params=[merchant_off, everybody_off, reconciling])
def switch_off(request):
    return request.param


@pytest.fixture
def case(merchant, stripe) -> RecoveryCase:
    return services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)


@pytest.fixture
def attempt(case) -> Attempt:
    return case.attempts.get()


def test_a_due_attempt_is_not_claimed_and_stays_planned(merchant, stripe, attempt, switch_off):
    switch_off(merchant)

    services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)

    attempt.refresh_from_db()
    assert services.due_attempts(now=attempt.due_at) == []
    assert attempt.status == Status.SCHEDULED
    assert stripe.pays == []


def test_thrown_between_claim_and_call_it_still_holds(
    merchant, stripe, attempt, switch_off, monkeypatch
):
    real_read = stripe.read_invoice
    protocol.claim(attempt_id=attempt.pk, now=attempt.due_at)
    stripe.now = attempt.due_at

    def read_while_somebody_switches_off(**kwargs):
        switch_off(merchant)
        return real_read(**kwargs)

    monkeypatch.setattr(client, "read_invoice", read_while_somebody_switches_off)
    services.carry_out(attempt_id=attempt.pk, now=attempt.due_at)

    attempt.refresh_from_db()
    assert attempt.status == Status.SKIPPED
    assert attempt.skip_reason in ("charging_off", "reconciling")
    assert stripe.pays == []


def test_thrown_during_the_read_an_unknown_outcome_is_not_sent_again(
    merchant, stripe, attempt, switch_off, monkeypatch
):
    stripe.now, stripe.answers = attempt.due_at, [OutcomeUnknown("timeout")]
    services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)
    real_read = stripe.read_invoice

    def read_while_somebody_switches_off(**kwargs):
        switch_off(merchant)
        return real_read(**kwargs)

    monkeypatch.setattr(client, "read_invoice", read_while_somebody_switches_off)
    services.settle_attempt(attempt_id=attempt.pk, now=attempt.due_at + HOUR)

    attempt.refresh_from_db()
    assert attempt.status == Status.UNKNOWN
    assert len(stripe.pays) == 1


def test_a_charge_under_way_is_still_recorded(merchant, stripe, attempt, switch_off):
    def switched_off_during_the_call(invoice):
        switch_off(merchant)
        return invoice

    stripe.now, stripe.answers = attempt.due_at, ["paid"]
    stripe.meanwhile = switched_off_during_the_call
    services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at)

    attempt.refresh_from_db()
    assert attempt.status == Status.SUCCEEDED
    assert RecoveryCase.objects.get().status == "recovered"


def test_nothing_is_taken_over_until_it_is_on_again(merchant, stripe, switch_off):
    switch_off(merchant)

    case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)

    assert case.takeover == RecoveryCase.Takeover.WANTED
    assert services.repeat_takeovers(now=FAILED_AT + HOUR) == 0
    assert stripe.takeovers == []

    switch_on(merchant)
    assert services.repeat_takeovers(now=FAILED_AT + HOUR) == 1
    case.refresh_from_db()
    assert case.takeover == RecoveryCase.Takeover.CONFIRMED
    assert case.takeover_tries == 1


def test_no_final_action_even_if_thrown_during_its_read(merchant, stripe, switch_off, monkeypatch):
    rules = replace(RECOMMENDED, final_action="cancel")
    RetrySettings.objects.filter(merchant=merchant).update(rules=rules.to_json())
    case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
    late = FAILED_AT + 70 * DAY
    services.refresh_case(merchant=merchant, invoice_id=case.stripe_invoice_id, now=late)
    case.refresh_from_db()
    assert case.next_step == RecoveryCase.Step.FINAL_ACTION
    real_read = stripe.read_invoice

    def read_while_somebody_switches_off(**kwargs):
        switch_off(merchant)
        return real_read(**kwargs)

    monkeypatch.setattr(client, "read_invoice", read_while_somebody_switches_off)
    services.finish_case(case_id=case.pk, now=late)

    case.refresh_from_db()
    assert stripe.canceled == []
    assert case.status == "open"
    assert services.cases_to_finish(now=late) == []

    switch_on(merchant)
    monkeypatch.setattr(client, "read_invoice", real_read)
    services.finish_case(case_id=case.pk, now=late)
    case.refresh_from_db()
    assert (case.status, len(stripe.canceled)) == ("lost", 1)


def test_retry_now_says_why_not(merchant, attempt, switch_off):
    switch_off(merchant)

    with pytest.raises(NotNow, match=r"switched|compared"):
        services.retry_now(
            merchant=merchant, case_id=attempt.case_id, user=UserFactory(), now=FAILED_AT + DAY
        )


def test_reading_goes_on(merchant, stripe, case, switch_off):
    switch_off(merchant)

    services.refresh_case(
        merchant=merchant, invoice_id=case.stripe_invoice_id, now=FAILED_AT + HOUR
    )

    case.refresh_from_db()
    assert case.checked_at == FAILED_AT + HOUR


def switch_on(merchant):
    merchant.charging_on = True
    merchant.save()
    Installation.objects.update(charging_on=True, reconcile_since=None)
