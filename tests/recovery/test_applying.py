"""The rules of a case are frozen; only a person's word, with a number, gives it newer ones."""

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.dunning.facts import Decline
from apps.dunning.presets import KAJABI, RECOMMENDED
from apps.dunning.rules import RetryRules
from apps.dunning.segments import Segment
from apps.recovery.models import CaseEvent
from apps.recovery.services import (
    CountChanged,
    apply_rules_to_open_cases,
    cases_to_read,
    observe_invoice,
    refresh_case,
)
from apps.retry_settings.services import save_policy, save_rules
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.recovery.builders import DAY, FAILED_AT, an_invoice, failed_try
from tests.recovery.factories import CaseFactory

PAGE = reverse("recovery:apply_rules")
NOW = FAILED_AT + DAY


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def change_rules(merchant, rules=KAJABI):
    save_rules(merchant=merchant, rules=rules, expected_version=1, user=None, now=NOW)


def apply(merchant, count=1):
    return apply_rules_to_open_cases(merchant=merchant, expected_count=count, user=None, now=NOW)


def rules_of(case):
    case.refresh_from_db()
    return RetryRules.from_json(case.rules)


class TestApply:
    def test_an_open_case_keeps_its_rules_until_it_is_asked_for(self, merchant, stripe):
        case = observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
        change_rules(merchant)
        refresh_case(merchant=merchant, invoice_id=case.stripe_invoice_id, now=NOW)
        assert rules_of(case) == RECOMMENDED
        before = case.next_try_at

        assert apply(merchant) == 1

        assert rules_of(case) == KAJABI
        assert [one.pk for one in cases_to_read(now=NOW)] == [case.pk]
        refresh_case(merchant=merchant, invoice_id=case.stripe_invoice_id, now=NOW)
        case.refresh_from_db()
        assert case.next_try_at == FAILED_AT.replace(hour=15, minute=0) + 5 * DAY != before
        event = case.events.get(kind=CaseEvent.Kind.RULES_CHANGED)
        assert event.text == "The operator applied the present rules “kajabi” to this case."
        assert AuditEntry.objects.get(action="cases.apply_rules").after == {"cases": 1}

    def test_another_number_than_confirmed_changes_nothing(self, merchant):
        case = CaseFactory(merchant=merchant)
        change_rules(merchant)

        with pytest.raises(CountChanged) as error:
            apply(merchant, count=2)

        assert error.value.current == 1
        assert rules_of(case) == RECOMMENDED

    def test_a_case_stays_in_its_segment(self, merchant):
        save_policy(
            merchant=merchant,
            policy_id=None,
            name="VIP",
            segment=Segment(),
            rules=KAJABI,
            expected_version=0,
            user=None,
            now=NOW,
        )
        case = CaseFactory(merchant=merchant, rules=replace(RECOMMENDED, policy="VIP").to_json())
        gone = CaseFactory(merchant=merchant, rules=replace(KAJABI, policy="Gone").to_json())

        apply(merchant, count=2)

        assert rules_of(case) == replace(KAJABI, policy="VIP")
        assert rules_of(gone) == RECOMMENDED

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "lost", "end_reason": "tries_used_up", "closed_at": NOW},
            {"source": "import"},
            {"engine": "stripe"},
        ],
    )
    def test_others_are_left_alone(self, merchant, change):
        CaseFactory(merchant=merchant, **change)
        CaseFactory(merchant=MerchantFactory())
        change_rules(merchant)

        assert apply(merchant, count=0) == 0

    def test_an_engine_is_never_changed_under_an_open_case(self, merchant):
        case = CaseFactory(merchant=merchant)
        change_rules(merchant, RetryRules("stripe", "smart"))

        assert apply(merchant, count=0) == 0
        assert rules_of(case) == RECOMMENDED


class TestPage:
    def test_asks_with_the_number_and_then_does_it(self, client, merchant):
        CaseFactory(merchant=merchant)
        change_rules(merchant)
        client.force_login(MembershipFactory(merchant=merchant, role=Role.ADMIN).user)

        assert "Plan 1 open case anew?" in client.get(PAGE).content.decode()
        client.post(PAGE, {"count": 5})
        assert not CaseEvent.objects.filter(kind="rules_changed").exists()
        client.post(PAGE, {"count": 1})
        assert CaseEvent.objects.filter(kind="rules_changed").exists()
        assert "none that could follow other rules" in client.get(PAGE).content.decode()


class TestTheCaseSaysHowItEnds:
    @pytest.mark.parametrize(
        ("rules", "words"),
        [
            (replace(RECOMMENDED, final_action="cancel"), "Canceled on"),
            (RECOMMENDED, "Recoup stops on"),
        ],
    )
    def test_on_its_page(self, client, merchant, stripe, rules, words):
        change_rules(merchant, rules)
        case = observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
        client.force_login(MembershipFactory(merchant=merchant).user)

        page = client.get(reverse("recovery:case", args=[case.pk])).content.decode()

        assert words in page
        assert "if unpaid." in page


class TestExplainCase:
    def explain(self, name):
        out = StringIO()
        call_command("explain_case", name, stdout=out)
        return out.getvalue()

    def test_prints_the_reasons_of_the_page(self, merchant, stripe):
        case = observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)

        said = self.explain(str(case.pk))

        assert "Recoup retries, rules “recommended”" in said
        assert "Insufficient funds (by the schedule or Stripe)" in said
        assert f"Decided then: {case.reasons[0]['text']}" in said
        assert f"because: {case.reasons[0]['text']} [{case.reasons[0]['code']}]" in said
        assert said.count("then, if unpaid:") == 8
        assert "if unpaid: leave_past_due, invoice: leave_open." in said
        assert self.explain(case.stripe_invoice_id) == said

    @pytest.mark.parametrize(
        ("decline", "words"),
        [("expired_card", "wait for the customer (new_card)"), ("lost_card", "Card reported lost")],
    )
    def test_a_wait_and_what_forbids_a_charge(self, merchant, stripe, decline, words):
        hard = failed_try(decline=Decline("card_declined", decline))
        invoice = an_invoice(tries=(hard,))
        case = observe_invoice(merchant=merchant, invoice=invoice, now=FAILED_AT)

        said = self.explain(str(case.pk))

        assert words in said
        assert "A charge at this moment: no." in said

    def test_a_closed_case_and_one_never_read(self, merchant):
        closed = CaseFactory(merchant=merchant, seen={})

        assert "nothing is decided" in self.explain(str(closed.pk))

    def test_an_unknown_case(self, db):
        with pytest.raises(CommandError, match="no case in_none"):
            self.explain("in_none")
