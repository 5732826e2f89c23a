"""How a case ends: each final action once, with its own key, and a person's write-off."""

import pytest

from apps.dunning.presets import RECOMMENDED
from apps.recovery import services
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.queries.checks import write_off_warnings
from apps.stripe_gateway.errors import InvoiceNotOpen, NotFound, OutcomeUnknown
from tests.accounts.factories import UserFactory
from tests.recovery.builders import DAY, FAILED_AT, HOUR, paid

AT_THE_END = FAILED_AT + 61 * DAY


@pytest.fixture
def case(merchant, stripe) -> RecoveryCase:
    return services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)


def give_up(case, **rules) -> RecoveryCase:
    """Let the time of the schedule run out under these rules."""
    RecoveryCase.objects.update(rules={**RECOMMENDED.to_json(), **rules})
    services.refresh_case(merchant=case.merchant, invoice_id="in_1", now=AT_THE_END)
    case.refresh_from_db()
    assert case.next_step == "final_action"
    return case


def finish(case) -> RecoveryCase:
    services.finish_case(case_id=case.pk, now=AT_THE_END)
    case.refresh_from_db()
    return case


@pytest.mark.parametrize(
    ("rules", "called", "words"),
    [
        ({"final_action": "leave_past_due"}, [], "Nothing was changed at Stripe."),
        ({"final_action": "cancel"}, ["cancel"], "The subscription was canceled."),
        ({"final_action": "pause"}, ["pause"], "Collection was paused"),
        (
            {"final_action": "leave_past_due", "invoice_action": "uncollectible"},
            ["uncollectible"],
            "bad debt that may still be paid",
        ),
        (
            {"final_action": "cancel", "invoice_action": "void"},
            ["cancel", "void"],
            "canceled. The invoice was voided",
        ),
    ],
    ids=["nothing", "cancel", "pause", "uncollectible", "cancel and void"],
)
def test_each_end_is_carried_out_and_said(case, stripe, rules, called, words):
    finish(give_up(case, **rules))

    done = ["cancel"] * len(stripe.canceled) + [what for what, _ in stripe.ended]
    assert done == called
    assert (case.status, case.end_reason) == ("lost", "tries_used_up")
    assert words in case.events.get(kind=CaseEvent.Kind.LOST).text


def test_a_crash_between_the_two_repeats_both_with_their_keys(case, stripe):
    give_up(case, final_action="pause", invoice_action="void")
    stripe.end_errors = []
    calls = iter([None, OutcomeUnknown("timeout")])
    original = stripe._end

    def end(what, key):
        original(what, key)
        error = next(calls, None)
        if error:
            raise error

    stripe._end = end
    finish(case)
    assert case.status == "open"
    finish(case)

    assert case.status == "lost"
    keys = dict(stripe.ended[:2])
    assert stripe.ended == [*keys.items(), *keys.items()], "the same keys again"
    assert keys["pause"] != keys["void"]


def test_what_is_gone_already_counts_as_done(case, stripe):
    give_up(case, final_action="cancel", invoice_action="void")
    stripe.cancel_errors = [NotFound()]
    stripe.end_errors = [InvoiceNotOpen()]

    finish(case)

    assert case.status == "lost"
    assert "gone already" in case.events.get(kind=CaseEvent.Kind.LOST).text


class TestAPersonsWriteOff:
    def mark(self, case, user, *, despite_warnings=False, now=FAILED_AT + HOUR):
        services.mark_uncollectible(
            merchant=case.merchant,
            case_id=case.pk,
            user=user,
            despite_warnings=despite_warnings,
            now=now,
        )
        case.refresh_from_db()

    def test_it_warns_while_a_try_is_planned_and_nobody_asked(self, case):
        assert len(write_off_warnings(case=case)) == 2
        with pytest.raises(services.NotNow, match="read the warnings"):
            self.mark(case, UserFactory())

    def test_after_a_manual_try_and_without_a_plan_it_does_not(self, case):
        case.attempts.all().delete()
        case.attempts.create(number=1, due_at=FAILED_AT, status="declined", trigger="manual")
        RecoveryCase.objects.update(next_step="new_card")
        case.refresh_from_db()

        assert write_off_warnings(case=case) == []

    def test_it_is_done_once_and_the_case_is_lost(self, case, stripe):
        user = UserFactory()
        self.mark(case, user, despite_warnings=True)
        self.mark(case, user, despite_warnings=True)
        assert case.attempts.get().skip_reason == "written_off"

        assert services.cases_to_finish(now=FAILED_AT + HOUR) == [case.pk]
        services.finish_case(case_id=case.pk, now=FAILED_AT + HOUR)
        services.finish_case(case_id=case.pk, now=FAILED_AT + HOUR)

        case.refresh_from_db()
        assert [what for what, _ in stripe.ended] == ["uncollectible"]
        assert (case.status, case.end_reason) == ("lost", "uncollectible")
        assert not stripe.canceled, "the subscription goes on"

    def test_a_payment_after_it_still_recovers_the_case(self, case, stripe):
        self.mark(case, UserFactory(), despite_warnings=True)
        services.finish_case(case_id=case.pk, now=FAILED_AT + HOUR)

        services.observe_invoice(
            merchant=case.merchant,
            invoice=paid(stripe.invoice, FAILED_AT + DAY),
            now=FAILED_AT + DAY,
        )

        case.refresh_from_db()
        assert case.status == "recovered"
