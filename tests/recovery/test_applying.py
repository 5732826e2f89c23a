"""The rules of a case are frozen; only a person's word, with a number, gives it newer ones."""

import re
from dataclasses import replace
from html import unescape
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.dunning.facts import Decline
from apps.dunning.presets import KAJABI, RECOMMENDED, SEED_TABLE, STRIPE_SMART
from apps.dunning.provider_notes import ProviderNotes
from apps.dunning.rules import RetryRules
from apps.dunning.segments import Segment
from apps.recovery.models import CaseEvent
from apps.recovery.services import (
    CountChanged,
    apply_rules_to_open_cases,
    cases_to_read,
    hold_case,
    observe_invoice,
    refresh_case,
)
from apps.retry_settings.services import save_policy, save_rules, save_stripe_notes
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
    """The day of the last try and what follows, for every engine."""

    def page(self, client, case):
        client.force_login(MembershipFactory(merchant=case.merchant).user)
        found = client.get(reverse("recovery:case", args=[case.pk])).content.decode()
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", found)).split())

    def open_case(self, merchant, stripe, rules, **changes):
        change_rules(merchant, rules)
        invoice = replace(stripe.invoice, **changes)
        return observe_invoice(merchant=merchant, invoice=invoice, now=FAILED_AT)

    @pytest.mark.parametrize(
        ("rules", "words"),
        [
            (replace(KAJABI, final_action="cancel"), "Canceled on Nov 23 if unpaid."),
            (replace(KAJABI, final_action="pause"), "Recoup stops on Nov 23 if unpaid."),
            (RECOMMENDED, "Recoup stops on Nov 23 if unpaid."),
        ],
    )
    def test_recoups_own(self, client, merchant, stripe, rules, words):
        page = self.page(client, self.open_case(merchant, stripe, rules))

        assert words in page
        assert "Stripe's last try" not in page

    def test_a_short_schedule_ends_with_the_customers_time_not_with_the_last_try(
        self, client, merchant, stripe
    ):
        rules = replace(SEED_TABLE, table={"funds": SEED_TABLE.table["funds"][:1]})
        rules = replace(rules, steps=KAJABI.steps)

        page = self.page(client, self.open_case(merchant, stripe, rules))

        assert "Recoup stops on Nov 23 if unpaid." in page
        assert re.search(r"If all retries fail Subscription stays past due Mon, Nov 23", page)

    @pytest.mark.parametrize("engine", ["stripe", "gaps"])
    @pytest.mark.parametrize(
        ("notes", "words"),
        [
            (
                ProviderNotes("smart", 8, 21, "cancel"),
                (
                    "Stripe's last try: by Nov 23 , as you noted its settings."
                    " Stripe cancels the subscription."
                ),
            ),
            (
                ProviderNotes("smart", 8, 7, "unpaid", "uncollectible"),
                (
                    "Stripe's last try: by Nov 9 , as you noted its settings. Stripe marks the"
                    " subscription as unpaid, and the invoice is marked uncollectible."
                ),
            ),
            (
                None,
                (
                    "Stripe's last try: by Nov 16 , if its default of two weeks is set. Note what is"
                    " set . What follows is set in Stripe."
                ),
            ),
        ],
    )
    def test_stripes_by_its_window(self, client, merchant, stripe, engine, notes, words):
        if notes:
            save_stripe_notes(merchant=merchant, notes=notes, user=None, now=NOW)
        rules = STRIPE_SMART if engine == "stripe" else replace(KAJABI, engine="gaps")

        case = self.open_case(merchant, stripe, rules)

        assert case.engine == engine
        assert words in self.page(client, case)
        assert "Recoup stops" not in self.page(client, case)

    def test_a_try_stripe_named_beyond_the_noted_window_counts(self, client, merchant, stripe):
        notes = ProviderNotes("smart", 8, 7)
        save_stripe_notes(merchant=merchant, notes=notes, user=None, now=NOW)

        case = self.open_case(
            merchant, stripe, STRIPE_SMART, next_payment_attempt=FAILED_AT + 10 * DAY
        )

        assert "Stripe's last try: by Nov 12 ," in self.page(client, case)

    def test_no_day_is_promised_once_stripe_has_stopped(self, client, merchant, stripe):
        case = self.open_case(merchant, stripe, STRIPE_SMART)
        case.seen = case.seen | {"auto_advance": False, "next_payment_attempt": None}
        case.save()

        assert "Stripe's last try" not in self.page(client, case)

    def test_a_held_case_ends_on_no_day(self, client, merchant, stripe):
        case = self.open_case(merchant, stripe, KAJABI)
        user = MembershipFactory(merchant=merchant).user
        hold_case(merchant=merchant, case_id=case.pk, user=user, note="Talks with us", now=NOW)
        case.refresh_from_db()

        page = self.page(client, case)
        assert "On hold Nothing is charged until somebody lets it go on" in page
        assert "if unpaid." not in page
        assert "waiting for the customer" not in page
        assert "No retry now:" not in page


class TestExplainCase:
    def explain(self, name):
        out = StringIO()
        call_command("explain_case", name, stdout=out)
        return out.getvalue()

    def test_prints_when_stripes_tries_end(self, merchant, stripe):
        change_rules(merchant, STRIPE_SMART)
        case = observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)

        said = self.explain(str(case.pk))

        assert "Stripe's last try by 2026-11-16 by its default: as set in Stripe." in said

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
