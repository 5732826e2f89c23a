"""The customer's other card: once, only with the merchant's rule, never when they mean to leave."""

from dataclasses import replace

import pytest

from apps.dunning.decision import GiveUp, RetryAt, WaitForCustomer
from apps.dunning.facts import BackupMethod, Method
from apps.dunning.guards import check_before_charge
from apps.dunning.policy import next_step, plan
from apps.dunning.presets import RECOMMENDED
from tests.dunning.builders import CARD, FAILED_AT, case, codes_of, days, declined, failed, hours

RULES = replace(RECOMMENDED, backup_after=2)
OTHER = Method("pm_b", brand="mastercard", last4="5555", fingerprint="fp_b", country="US")
BACKUP = BackupMethod(OTHER, last_paid_at=FAILED_AT - days(30))
AFTER_TWO = FAILED_AT + days(3)


def facts_after(retries=2, *, code="generic_decline", backups=(BACKUP,), **fields):
    tries = [failed(code, at=FAILED_AT + days(n)) for n in range(retries + 1)]
    return case(*tries, retries_made=retries, backups=backups, **fields)


def ask(facts, *, rules=RULES, now=AFTER_TWO):
    return next_step(facts=facts, rules=rules, now=now)


def test_charged_once_after_the_chosen_number_of_retries():
    decision = ask(facts_after())

    assert decision == RetryAt(AFTER_TWO, 0, decision.reasons, "pm_b")
    assert codes_of(decision) == ["backup_method"]
    blocked = check_before_charge(
        facts=facts_after(), rules=RULES, now=decision.due_at, method="pm_b"
    )
    assert blocked is None


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        (facts_after(), RECOMMENDED),
        (facts_after(retries=1), RULES),
        (facts_after(backup_used=True), RULES),
        (facts_after(backups=()), RULES),
    ],
    ids=["off", "too early", "used", "none saved"],
)
def test_otherwise_the_schedule_goes_on(facts, rules):
    decision = ask(facts, rules=rules)

    assert (decision.method, decision.number) == ("", facts.retries_made + 1)


@pytest.mark.parametrize(
    "backup",
    [
        replace(BACKUP, last_paid_at=FAILED_AT - days(178)),
        replace(BACKUP, declined_hard=True),
        BackupMethod(replace(OTHER, exp_month=10, exp_year=2026), BACKUP.last_paid_at),
        BackupMethod(replace(OTHER, type="sepa_debit"), BACKUP.last_paid_at),
        BackupMethod(replace(OTHER, country="IN"), BACKUP.last_paid_at),
        BackupMethod(replace(OTHER, fingerprint="fp_1"), BACKUP.last_paid_at),
        BackupMethod(CARD, BACKUP.last_paid_at),
    ],
    ids=["long ago", "hard", "expired", "bank", "India", "same number", "same method"],
)
def test_a_card_that_does_not_qualify_is_left_alone(backup):
    now = FAILED_AT + days(3)

    assert ask(facts_after(backups=(backup,)), now=now).method == ""
    assert check_before_charge(
        facts=facts_after(backups=(backup,)), rules=RULES, now=now, method=backup.method.reference
    )


def test_a_card_in_its_last_month_still_counts():
    backup = BackupMethod(replace(OTHER, exp_month=11, exp_year=2026), BACKUP.last_paid_at)

    assert ask(facts_after(backups=(backup,))).method == "pm_b"


def test_of_several_the_one_that_paid_last():
    newer = BackupMethod(replace(OTHER, reference="pm_c", fingerprint="fp_c"), FAILED_AT - days(1))

    assert ask(facts_after(backups=(BACKUP, newer))).method == "pm_c"


class TestAfterAHardDecline:
    def test_the_customer_has_a_day_to_act_first(self):
        facts = facts_after(retries=0, code="expired_card")

        decision = ask(facts, now=FAILED_AT + hours(1))

        assert (decision.due_at, decision.method) == (FAILED_AT + days(1), "pm_b")

    def test_then_only_the_customer_can_help(self):
        facts = facts_after(retries=0, code="expired_card", backup_used=True)

        assert isinstance(ask(facts), WaitForCustomer)

    @pytest.mark.parametrize(
        "decline",
        [
            declined("revocation_of_authorization"),
            declined("fraudulent"),
            declined("generic_decline", network_advice_code="21"),
            declined("generic_decline", network_decline_code="R0"),
        ],
    )
    def test_never_when_the_customer_may_mean_to_leave(self, decline):
        facts = case(failed(decline=decline), backups=(BACKUP,), retries_made=2)

        assert getattr(ask(facts), "method", "") == ""

    @pytest.mark.parametrize("change", [{"method": None}, {"processing": True}])
    def test_not_for_other_reasons(self, change):
        assert not isinstance(ask(facts_after(**change)), RetryAt)

    def test_nor_when_confirming_would_help(self):
        assert not isinstance(ask(facts_after(code="authentication_required")), RetryAt)

    def test_nor_after_the_time_is_over(self):
        facts = facts_after(retries=0, code="expired_card")

        assert isinstance(ask(facts, now=FAILED_AT + days(22)), GiveUp)


class TestGuardRails:
    def test_the_backup_cards_own_budget_holds(self):
        spent = tuple(AFTER_TWO - hours(n / 2) for n in range(10))
        facts = facts_after(backups=(replace(BACKUP, tries=spent),))

        decision = ask(facts)

        assert decision.due_at == spent[-1] + hours(24)
        assert codes_of(decision) == ["backup_method", "card_budget"]
        early = check_before_charge(facts=facts, rules=RULES, now=AFTER_TWO, method="pm_b")
        assert early.code == "card_budget"

    def test_an_hour_after_the_last_try(self):
        facts = facts_after()

        assert ask(facts, now=FAILED_AT + days(2)).due_at == FAILED_AT + days(2) + hours(1)

    def test_gone_or_used_by_the_time_it_is_due(self):
        for facts in (facts_after(backups=()), facts_after(backup_used=True)):
            blocked = check_before_charge(facts=facts, rules=RULES, now=AFTER_TWO, method="pm_b")
            assert (blocked.code, blocked.then) == ("backup_gone", "later")

    def test_a_paid_invoice_is_not_charged(self):
        facts = facts_after(invoice_status="paid")

        blocked = check_before_charge(facts=facts, rules=RULES, now=AFTER_TWO, method="pm_b")
        assert blocked.code == "invoice_not_open"


class TestAfterwards:
    AT = AFTER_TWO
    TRIED = failed("insufficient_funds", at=AT, on=OTHER, moves_schedule=False, backup=True)

    def test_the_usual_card_did_not_change_by_it_and_the_schedule_does_not_move(self):
        before = facts_after()
        after = replace(before, tries=(*before.tries, self.TRIED))

        decision = ask(after, now=self.AT)

        assert (decision.method, decision.number) == ("", 3)
        unmoved = ask(before, rules=RECOMMENDED, now=self.AT)
        assert decision.due_at == unmoved.due_at

    def test_a_hard_decline_of_the_backup_says_nothing_about_the_usual_card(self):
        before = facts_after()
        dead = replace(self.TRIED, decline=declined("stolen_card"))

        decision = ask(replace(before, tries=(*before.tries, dead)), now=self.AT)

        assert isinstance(decision, RetryAt)
        assert decision.reasons[0].text.startswith("Declined by the bank")

    def test_the_whole_plan_holds_it_once(self):
        ahead = plan(facts=facts_after(retries=0), rules=RULES, now=FAILED_AT)

        assert [one.number for one in ahead] == [1, 2, 0, 3, 4, 5, 6, 7, 8]
        assert [one.method for one in ahead if one.number == 0] == ["pm_b"]
