from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from apps.dunning.decision import GiveUp, LeaveToStripe, RetryAt, WaitForCustomer, WaitForTurn
from apps.dunning.facts import Method
from apps.dunning.guards import check_before_charge
from apps.dunning.policy import next_step, plan
from apps.dunning.presets import (
    DAYS_3_5_7,
    KAJABI,
    PRESETS,
    RECOMMENDED,
    SEED_TABLE,
    STRIPE_SMART,
)
from apps.dunning.rules import RetryRules, Step, steps_from_days
from apps.dunning.timing import wall_time, zone_of
from tests.dunning.builders import (
    CARD,
    FAILED_AT,
    NEW_YORK,
    case,
    codes_of,
    days,
    declined,
    failed,
    hours,
)

OTHER_CARD = replace(CARD, reference="pm_2", fingerprint="fp_2")


def ask(facts, *, rules=RECOMMENDED, now=None):
    last = facts.last_try
    return next_step(facts=facts, rules=rules, now=now or (last.at if last else FAILED_AT))


def local_plan(facts, *, rules=RECOMMENDED, now=FAILED_AT):
    zone = zone_of(facts.zone)
    ahead = plan(facts=facts, rules=rules, now=now)
    return [f"{wall_time(one.due_at, zone):%m-%d %H:%M}" for one in ahead]


class TestTheRecommendedSchedule:
    def test_low_funds_near_paydays(self):
        assert local_plan(case("insufficient_funds")) == [
            "11-04 10:00",
            "11-06 10:00",
            "11-09 10:00",
            "11-13 10:00",
            "11-15 10:00",
            "11-16 10:00",
            "11-19 10:00",
            "11-23 10:00",
        ]

    def test_declined_by_the_bank(self):
        assert local_plan(case("generic_decline")) == [
            f"11-{day:02} 10:00" for day in (3, 5, 7, 10, 13, 16, 19, 23)
        ]

    def test_technical_problem(self):
        assert local_plan(case("processing_error")) == [
            "11-02 10:30",
            "11-02 15:30",
            *[f"11-{day:02} 10:00" for day in (3, 5, 8, 12, 17, 23)],
        ]

    def test_card_limit(self):
        assert local_plan(case("card_velocity_exceeded")) == [
            f"11-{day:02} 10:00" for day in (3, 5, 9, 12, 16, 19, 21, 23)
        ]

    def test_unknown_code_three_times(self):
        assert len(plan(facts=case("brand_new"), rules=RECOMMENDED, now=FAILED_AT)) == 3

    def test_code_to_be_tried_once(self):
        assert len(plan(facts=case("not_permitted"), rules=RECOMMENDED, now=FAILED_AT)) == 1

    @pytest.mark.parametrize("code", ["expired_card", "lost_card", "authentication_required"])
    def test_everything_else_never(self, code):
        assert plan(facts=case(code), rules=RECOMMENDED, now=FAILED_AT) == ()

    def test_ends_with_the_final_action(self):
        facts = case("generic_decline", retries_made=8)

        decision = ask(facts, now=FAILED_AT + days(20))

        assert decision == GiveUp("leave_past_due", decision.reasons)
        assert codes_of(decision) == ["tries_used_up"]


class TestReasonsInWords:
    def test_payday(self):
        facts = case(
            "insufficient_funds",
            failed(at=datetime(2026, 11, 11, 15, tzinfo=UTC)),
            retries_made=4,
        )

        (reason,) = ask(facts).reasons

        assert reason.code == "payday"
        assert reason.text == (
            "Low funds: tried again on payday, Sun the 15th, 10:00 in the customer's zone; "
            "retry 5 of 8."
        )

    def test_hours(self):
        (reason,) = ask(case("processing_error")).reasons

        assert reason.text == (
            "Technical problem: tried again 1 hour after the try before, Mon the 2nd, 10:30 in the "
            "customer's zone; retry 1 of 8."
        )

    def test_unknown_code(self):
        reason, careful = ask(case("brand_new")).reasons

        assert reason.text == (
            "Unknown reason: tried again Tue the 3rd, 10:00 in the customer's zone; retry 1 of 3."
        )
        assert careful.code == "unknown_code"
        assert careful.text == "The code “brand_new” is not known: few and careful tries."

    def test_a_guard_rail_that_moved_the_try_is_named(self):
        decline = declined("generic_decline", network_advice_code="26")
        facts = case(failed(decline=decline), method=replace(CARD, brand="mastercard"))

        decision = ask(facts)

        assert decision.due_at == datetime(2026, 11, 4, 15, tzinfo=UTC)
        assert [reason.text for reason in decision.reasons] == [
            "Declined by the bank: tried again Wed the 4th, 10:00 in the customer's zone; retry 1 of 8.",
            "The card network asks to wait 2 days.",
        ]


class TestSchedules:
    def test_custom_ignores_the_reason(self):
        for code in ("insufficient_funds", "brand_new", "not_permitted"):
            assert local_plan(case(code), rules=DAYS_3_5_7) == [
                "11-05 10:00",
                "11-07 10:00",
                "11-09 10:00",
            ]

    def test_the_classic_table(self):
        assert local_plan(case("do_not_honor"), rules=SEED_TABLE) == ["11-03 09:30"]
        assert local_plan(case("generic_decline"), rules=SEED_TABLE) == [
            "11-02 13:30",
            "11-03 09:30",
            "11-05 09:30",
            "11-09 09:30",
        ]

    def test_a_short_schedule_leaves_the_customer_the_rest_of_the_time(self):
        facts = case("do_not_honor", failed("do_not_honor", at=FAILED_AT + days(1)), retries_made=1)

        decision = ask(facts, rules=SEED_TABLE)

        until = FAILED_AT + days(30)
        assert decision == WaitForCustomer("new_card", decision.reasons, until)
        assert ask(facts, rules=SEED_TABLE, now=until) == GiveUp(
            "leave_past_due", ask(facts, rules=SEED_TABLE, now=until).reasons
        )

    def test_an_empty_schedule_asks_the_customer_at_once(self):
        rules = replace(RECOMMENDED, table={**RECOMMENDED.table, "funds": ()})

        decision = ask(case("insufficient_funds"), rules=rules)

        assert isinstance(decision, WaitForCustomer)
        assert codes_of(decision) == ["no_schedule"]

    def test_a_reason_without_an_entry_follows_the_plain_steps(self):
        rules = RetryRules(
            "recoup", "decline_aware", steps_from_days([2]), {"funds": steps_from_days([9])}
        )

        assert local_plan(case("processing_error"), rules=rules) == ["11-04 09:30"]

    def test_an_entry_for_unknown_codes_wins_over_the_issuers(self):
        rules = replace(RECOMMENDED, table={**RECOMMENDED.table, "unknown": (Step(48),)})

        assert local_plan(case("brand_new"), rules=rules) == ["11-04 09:30"]

    def test_the_step_is_the_ordinal_not_the_number_of_tries(self):
        tries = [failed("generic_decline", at=FAILED_AT + days(n)) for n in range(3)]

        decision = ask(case(*tries, retries_made=1))

        assert decision.number == 2
        assert decision.due_at == datetime(2026, 11, 6, 15, tzinfo=UTC)

    def test_kajabi_cancels_when_used_up(self):
        facts = case("generic_decline", retries_made=4)

        assert ask(facts, rules=KAJABI, now=FAILED_AT + days(21)).final_action == "cancel"

    def test_a_payday_without_a_time_of_day_keeps_the_hour(self):
        rules = RetryRules("recoup", "custom", steps_from_days([12], payday_within_days=2))

        assert local_plan(case("generic_decline"), rules=rules) == ["11-15 09:30"]

    def test_payday_moves_do_not_add_up(self):
        rules = RetryRules(
            "recoup", "custom", steps_from_days([9, 20], at=time(10), payday_within_days=2)
        )

        assert local_plan(case("insufficient_funds"), rules=rules) == ["11-13 10:00", "11-22 10:00"]

    def test_the_ladder_begins_at_the_first_failure_where_no_try_is_known(self):
        facts = case(first_failed_at=FAILED_AT)

        assert local_plan(facts, rules=DAYS_3_5_7)[0] == "11-05 10:00"


class TestLate:
    def test_a_step_long_past_comes_now(self):
        late = FAILED_AT + days(5)

        assert ask(case("processing_error"), now=late).due_at == late

    def test_a_step_with_a_time_of_day_comes_at_the_next_one(self):
        late = datetime(2026, 11, 6, 16, 0, tzinfo=UTC)

        assert ask(case("generic_decline"), now=late).due_at == datetime(
            2026, 11, 7, 15, tzinfo=UTC
        )

    def test_lateness_does_not_shorten_the_schedule(self):
        facts = case("generic_decline", failed(at=FAILED_AT + days(9)), retries_made=1)

        assert isinstance(ask(facts, rules=DAYS_3_5_7), RetryAt)

    def test_but_two_months_are_the_end(self):
        facts = case("generic_decline", retries_made=1)

        decision = ask(facts, rules=DAYS_3_5_7, now=FAILED_AT + days(61))

        assert decision.final_action == "leave_past_due"
        assert codes_of(decision) == ["too_late", "time_over"]


class TestWaiting:
    @pytest.mark.parametrize(
        ("facts", "what"),
        [
            (case("expired_card"), "new_card"),
            (case("stolen_card"), "new_card"),
            (case("authentication_required"), "authentication"),
            (case("insufficient_funds", method=None), "no_method"),
            (case("insufficient_funds", collected_automatically=False), "no_method"),
            (case("generic_decline", method=replace(CARD, country="IN")), "authentication"),
        ],
    )
    def test_the_customer_has_as_long_as_the_schedule(self, facts, what):
        until = FAILED_AT + days(21)

        decision = ask(facts)
        assert decision == WaitForCustomer(what, decision.reasons, until)

        ended = ask(facts, now=until)
        assert isinstance(ended, GiveUp)
        assert ended.final_action == "leave_past_due"
        assert codes_of(ended)[-1] == "time_over"


class TestOwner:
    def test_stripe_names_its_next_try(self):
        due = FAILED_AT + days(3)
        facts = case("insufficient_funds", provider_next_try_at=due)

        decision = ask(facts, rules=STRIPE_SMART)

        assert decision == LeaveToStripe(due, decision.reasons)
        assert decision.reasons[0].text == (
            "Stripe tries again Thu the 5th, 09:30 in the customer's zone."
        )
        assert plan(facts=facts, rules=STRIPE_SMART, now=FAILED_AT) == ()

    def test_stripe_has_not_set_a_time_yet(self):
        assert ask(case("insufficient_funds"), rules=STRIPE_SMART).until is None

    def test_stripes_schedule_goes_on_without_charges_after_a_hard_decline(self):
        facts = case("lost_card", provider_next_try_at=FAILED_AT + days(3))

        assert codes_of(ask(facts, rules=STRIPE_SMART)) == ["stripe_retries", "another_card_needed"]

    def test_stripe_is_finished(self):
        decision = ask(case("generic_decline", provider_has_retries=False), rules=STRIPE_SMART)

        assert (decision.final_action, codes_of(decision)) == (
            "leave_past_due",
            ["stripe_finished"],
        )

    def test_a_plan_of_stripes_does_not_stop_ours_from_being_made(self):
        facts = case("insufficient_funds", provider_next_try_at=FAILED_AT + days(1))

        assert isinstance(ask(facts), RetryAt)

    @pytest.mark.parametrize("rules", [RECOMMENDED, STRIPE_SMART])
    def test_a_payment_under_way_is_waited_for(self, rules):
        decision = ask(case("R01", processing=True), rules=rules, now=FAILED_AT + days(99))

        assert (decision.until, codes_of(decision)) == (None, ["processing"])
        assert isinstance(decision, LeaveToStripe)

    def test_a_detached_account_is_waited_for_and_then_let_go(self):
        facts = case("insufficient_funds", account_attached=False)

        assert isinstance(ask(facts), LeaveToStripe)
        assert ask(facts, now=FAILED_AT + days(21)).final_action == "none"

    @pytest.mark.parametrize("rules", [RECOMMENDED, STRIPE_SMART])
    @pytest.mark.parametrize(
        "change", [{"invoice_status": "paid"}, {"subscription_status": "canceled"}]
    )
    def test_nothing_is_left_to_do(self, rules, change):
        assert ask(case("insufficient_funds", **change), rules=rules).final_action == "none"


class TestInStripesGaps:
    """Stripe retries and keeps its schedule; ours only fill the time between."""

    RULES = RetryRules("gaps", "custom", steps_from_days([1, 2, 4], at=time(10)), gap_hours=12)
    FIRST = datetime(2026, 11, 3, 15, tzinfo=UTC)
    THREE_DAYS = days(3)

    def decide(self, code="generic_decline", *, next_in=THREE_DAYS, rules=RULES, **fields):
        due = FAILED_AT + next_in if next_in else None
        return ask(case(code, provider_next_try_at=due, **fields), rules=rules)

    def test_a_try_of_ours_long_before_stripes(self):
        decision = self.decide()

        assert (decision.due_at, decision.number) == (self.FIRST, 1)
        assert codes_of(decision) == ["schedule", "stripe_retries"]

    def test_none_within_the_hours_around_stripes(self):
        at_the_edge = self.FIRST + hours(12) - FAILED_AT

        assert isinstance(self.decide(next_in=at_the_edge), RetryAt)
        left = self.decide(next_in=at_the_edge - hours(0.1))
        assert isinstance(left, LeaveToStripe)
        assert left.until == FAILED_AT + at_the_edge - hours(0.1)
        assert codes_of(left) == ["stripe_retries", "near_stripes_try"]
        assert left.reasons[1].text == "No try of Recoup's within 12 hours of Stripe's."

    def test_the_hours_can_be_set(self):
        rules = replace(self.RULES, gap_hours=47)

        assert isinstance(self.decide(rules=rules), RetryAt)
        assert isinstance(self.decide(rules=rules, next_in=days(2.5)), LeaveToStripe)

    def test_nothing_while_stripes_next_time_is_not_known(self):
        decision = self.decide(next_in=None)

        assert (decision.until, codes_of(decision)) == (None, ["stripe_retries"])

    def test_ends_with_stripes_schedule_and_leaves_the_end_to_it(self):
        rules = replace(self.RULES, final_action="cancel", invoice_action="void")

        decision = self.decide(next_in=None, rules=rules, provider_has_retries=False)

        assert decision == GiveUp("leave_past_due", decision.reasons, "leave_open")
        assert codes_of(decision) == ["stripe_finished"]

    def test_a_hard_decline_is_watched(self):
        decision = self.decide("lost_card")

        assert isinstance(decision, LeaveToStripe)
        assert codes_of(decision) == ["stripe_retries", "another_card_needed"]

    def test_used_up_tries_leave_the_rest_to_stripe(self):
        decision = self.decide(retries_made=3)

        assert isinstance(decision, LeaveToStripe)
        assert codes_of(decision) == ["stripe_retries", "tries_used_up"]

    def test_a_new_card_is_charged_at_once_unless_stripe_does_so_soon(self):
        far, near = self.decide(method=OTHER_CARD), self.decide(method=OTHER_CARD, next_in=hours(6))

        assert (far.due_at, far.number) == (FAILED_AT, 0)
        assert isinstance(near, LeaveToStripe)

    def test_only_the_tries_before_stripes_next_one_are_forecast(self):
        facts = case("generic_decline", provider_next_try_at=FAILED_AT + days(3))

        assert local_plan(facts, rules=self.RULES) == ["11-03 10:00", "11-04 10:00"]


class TestTheEnd:
    def test_both_actions_of_the_rules(self):
        rules = replace(DAYS_3_5_7, final_action="pause", invoice_action="uncollectible")
        facts = case("generic_decline", retries_made=3)

        decision = ask(facts, rules=rules, now=FAILED_AT + days(7))

        assert (decision.final_action, decision.invoice_action) == ("pause", "uncollectible")

    def test_also_when_the_time_of_the_customer_is_over(self):
        rules = replace(RECOMMENDED, final_action="cancel", invoice_action="void")

        decision = ask(case("expired_card"), rules=rules, now=FAILED_AT + days(21))

        assert (decision.final_action, decision.invoice_action) == ("cancel", "void")


class TestAtOnce:
    NOW = FAILED_AT + hours(5)

    @pytest.mark.parametrize(
        ("code", "change", "reason"),
        [
            ("insufficient_funds", {"method": OTHER_CARD}, "card_changed"),
            ("lost_card", {"method": OTHER_CARD}, "card_changed"),
            ("expired_card", {"method": replace(CARD, changed_at=NOW)}, "card_changed"),
            ("authentication_required", {"confirmed_in_person_at": NOW}, "customer_confirmed"),
        ],
    )
    def test_what_the_customer_did_is_tried_at_once_and_uses_up_no_step(self, code, change, reason):
        decision = ask(case(code, retries_made=2, **change), now=self.NOW)

        assert (decision.due_at, decision.number) == (self.NOW, 0)
        assert codes_of(decision) == [reason]

    @pytest.mark.parametrize(("oldest", "at_once"), [(23.5, False), (24.5, True), (60, True)])
    def test_a_changed_card_is_tried_at_once_below_five_tries_in_a_day(self, oldest, at_once):
        ago = (oldest, 20, 15, 10, 5)
        tries = [failed("generic_decline", at=self.NOW - hours(one)) for one in ago]
        facts = case(*tries, method=replace(OTHER_CARD, changed_at=self.NOW))

        decision = ask(facts, rules=RetryRules("recoup", "custom", (Step(24),)), now=self.NOW)

        assert (decision.number == 0) == at_once

    def test_a_first_card_after_a_failure_without_any(self):
        facts = case(first_failed_at=FAILED_AT, method=replace(CARD, changed_at=self.NOW))

        decision = ask(facts, now=self.NOW)

        assert (decision.due_at, decision.number) == (self.NOW, 0)

    def test_also_when_the_schedule_is_used_up(self):
        facts = case("generic_decline", retries_made=8, method=OTHER_CARD)

        assert ask(facts, now=FAILED_AT + days(30)).number == 0

    def test_a_change_before_the_last_try_is_nothing_new(self):
        facts = case("insufficient_funds", method=replace(CARD, changed_at=FAILED_AT - hours(1)))

        assert ask(facts, now=self.NOW).number == 1

    def test_the_card_networks_wait_still_holds_for_the_same_number(self):
        decline = declined("generic_decline", network_advice_code="25")
        method = Method("pm_9", brand="mastercard", fingerprint="fp_1")
        facts = case(failed(decline=decline), method=method)

        decision = ask(facts, now=self.NOW)

        assert (decision.due_at, decision.number) == (FAILED_AT + hours(24), 0)
        assert codes_of(decision) == ["card_changed", "network_wait"]

    def test_a_budget_free_only_after_the_end_waits_for_another_card(self):
        spent = tuple(self.NOW - hours(n / 10) for n in range(15))
        facts = case("insufficient_funds", method=OTHER_CARD, card_tries=spent)

        decision = ask(facts, now=self.NOW)

        assert isinstance(decision, WaitForCustomer)
        assert codes_of(decision) == ["card_budget"]

    def test_many_changes_in_a_day_go_back_to_the_schedule(self):
        tries = [failed(at=FAILED_AT + hours(n)) for n in range(5)]

        assert ask(case(*tries, method=OTHER_CARD), now=self.NOW).number == 1

    def test_the_schedule_goes_on_after_it(self):
        ahead = plan(
            facts=case("generic_decline", method=OTHER_CARD), rules=RECOMMENDED, now=self.NOW
        )

        assert [one.number for one in ahead] == [0, 1, 2, 3, 4, 5, 6, 7, 8]


class TestBudgetInThePlan:
    def test_a_spent_card_is_left_alone_until_it_is_free(self):
        spent = tuple(FAILED_AT - days(n) for n in range(14, -1, -1))

        decision = ask(case("generic_decline", card_tries=spent))

        assert decision.due_at == datetime(2026, 11, 18, 15, tzinfo=UTC)
        assert codes_of(decision) == ["schedule", "card_budget"]

    def test_a_try_that_would_come_after_the_end_is_dropped(self):
        spent = tuple(FAILED_AT - hours(n) for n in range(14, -1, -1))

        decision = ask(case("generic_decline", card_tries=spent))

        assert isinstance(decision, WaitForCustomer)
        assert codes_of(decision) == ["card_budget"]


class TestDebits:
    DEBIT = Method("pm_d", type="sepa_debit", fingerprint="fp_d")
    RULES = replace(RECOMMENDED, debits_recurring=True)

    @pytest.mark.parametrize("rules", [RECOMMENDED, SEED_TABLE, DAYS_3_5_7])
    def test_the_schemes_own_schedule(self, rules):
        facts = case(failed("AM04", on=self.DEBIT), method=self.DEBIT, zone="Europe/Berlin")
        rules = replace(rules, debits_recurring=True, rotates=True, jitter_minutes=0)

        assert local_plan(facts, rules=rules) == ["11-09 10:00", "11-23 14:00"]

    def test_off_by_default_and_the_reason_says_so(self):
        facts = case(failed("AM04", on=self.DEBIT), method=self.DEBIT)

        decision = ask(facts)

        assert isinstance(decision, WaitForCustomer)
        assert codes_of(decision) == ["debit_off"]

    @pytest.mark.parametrize(
        ("failed_at", "expected"),
        [
            # A Saturday: of the paydays near a Saturday, the 15th is a Sunday.
            (datetime(2026, 11, 7, 12, tzinfo=UTC), ["11-13 10:00", "11-27 10:00"]),
            # Christmas and Boxing Day, then a weekend.
            (datetime(2026, 12, 18, 12, tzinfo=UTC), ["12-28 10:00", "01-08 10:00"]),
        ],
    )
    def test_only_on_business_days(self, failed_at, expected):
        facts = case(
            failed("AM04", on=self.DEBIT, at=failed_at), method=self.DEBIT, zone="Europe/Berlin"
        )

        assert local_plan(facts, rules=self.RULES, now=failed_at) == expected

    def test_a_try_that_would_come_after_the_schemes_period_is_dropped(self):
        late = FAILED_AT + days(29.9)
        facts = case(failed("AM04", on=self.DEBIT), method=self.DEBIT)

        assert isinstance(ask(facts, rules=self.RULES, now=FAILED_AT + days(20)), RetryAt)
        assert not isinstance(ask(facts, rules=self.RULES, now=late), RetryAt)

    def test_one_retry_where_the_scheme_allows_one(self):
        method = replace(self.DEBIT, type="acss_debit")
        facts = case(failed("insufficient_funds", on=method), method=method)

        assert len(plan(facts=facts, rules=self.RULES, now=FAILED_AT)) == 1

    def test_other_reasons_ask_the_customer(self):
        facts = case(failed("AC04", on=self.DEBIT), method=self.DEBIT)

        assert ask(facts).what == "new_card"


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_planned_try_passes_the_check_at_its_time(preset):
    facts = case("insufficient_funds", zone=NEW_YORK)

    for planned in plan(facts=facts, rules=preset.rules, now=FAILED_AT):
        blocked = check_before_charge(facts=facts, rules=preset.rules, now=planned.due_at)
        assert blocked is None
        facts = replace(
            facts,
            tries=(*facts.tries, failed(at=planned.due_at)),
            card_tries=(*facts.card_tries, planned.due_at),
        )


class TestInstalments:
    LATER = case("insufficient_funds", older_instalment=True)

    def test_a_newer_one_waits_for_the_older_one_whatever_the_hour(self):
        for later in (days(0), days(3), days(60)):
            step = ask(self.LATER, now=FAILED_AT + later)
            assert isinstance(step, WaitForTurn)
            assert codes_of(step) == ["older_instalment"]

    def test_so_does_one_whose_card_changed(self):
        facts = replace(self.LATER, method=OTHER_CARD)
        assert isinstance(ask(facts), WaitForTurn)

    def test_only_a_person_may_charge_it_before(self):
        blocked = {
            manual: check_before_charge(
                facts=self.LATER, rules=RECOMMENDED, now=FAILED_AT + days(2), manual=manual
            )
            for manual in (False, True)
        }
        assert blocked[False].code == "older_instalment"
        assert blocked[True] is None

    def test_between_stripes_tries_it_only_watches(self):
        facts = replace(self.LATER, provider_next_try_at=FAILED_AT + days(5))
        step = ask(facts, rules=replace(RECOMMENDED, engine="gaps"))
        assert isinstance(step, LeaveToStripe)
        assert codes_of(step) == ["stripe_retries", "older_instalment"]
