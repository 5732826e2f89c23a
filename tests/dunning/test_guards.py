"""Nothing is charged that must not be: each rule alone, on the path every charge takes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from apps.dunning import debits
from apps.dunning.bans import ban_on
from apps.dunning.facts import Decline, Method
from apps.dunning.guards import GUARDS, check_before_charge, floors
from apps.dunning.limits import CARD_LIMITS, CardLimit, free_from, limits_for
from apps.dunning.money import Money
from apps.dunning.presets import RECOMMENDED, STRIPE_SMART
from tests.dunning.builders import CARD, FAILED_AT, case, days, declined, failed, hours

NOW = FAILED_AT + days(2)
OTHER_CARD = replace(CARD, reference="pm_2", fingerprint="fp_2")
SAME_NUMBER = replace(CARD, reference="pm_2")
DEBITS = replace(RECOMMENDED, debits_recurring=True)
DEBIT = Method(reference="pm_d", type="us_bank_account", fingerprint="fp_d")


def check(facts, *, rules=RECOMMENDED, now=NOW):
    blocked = check_before_charge(facts=facts, rules=rules, now=now)
    return (blocked.code, blocked.then, blocked.needs) if blocked else None


def blocked_by(facts, *, now=NOW):
    blocked = check_before_charge(facts=facts, rules=RECOMMENDED, now=now)
    assert blocked is not None
    return blocked


def test_a_soft_decline_may_be_tried_again():
    assert check(case("insufficient_funds")) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"invoice_status": "paid"}, ("invoice_not_open", "stop", None)),
        ({"invoice_status": "uncollectible"}, ("invoice_not_open", "stop", None)),
        ({"amount_remaining": Money(0, "usd")}, ("nothing_remaining", "stop", None)),
        ({"amount_remaining": Money(-5, "usd")}, ("nothing_remaining", "stop", None)),
        ({"subscription_status": "canceled"}, ("subscription_ended", "stop", None)),
        ({"subscription_status": "incomplete"}, ("subscription_ended", "stop", None)),
        ({"account_attached": False}, ("account_detached", "later", None)),
        ({"processing": True}, ("processing", "later", None)),
        ({"collected_automatically": False}, ("sent_invoice", "customer", "no_method")),
        ({"method": None}, ("no_method", "customer", "no_method")),
        (
            {"method": replace(CARD, country="in")},
            ("india_card", "customer", "authentication"),
        ),
        ({"provider_next_try_at": NOW + days(3)}, ("stripe_will_retry", "later", None)),
    ],
)
def test_state_forbids(change, expected):
    assert check(case("insufficient_funds", **change)) == expected


def test_without_a_method_no_other_rule_is_asked():
    facts = case("lost_card", method=None)

    assert ban_on(facts, now=NOW) is None
    assert list(floors(facts, RECOMMENDED, now=NOW)) == []


class TestHardDeclines:
    @pytest.mark.parametrize(
        ("code", "needs"),
        [
            ("expired_card", "new_card"),
            ("incorrect_cvc", "new_card"),
            ("incorrect_number", "new_card"),
            ("transaction_not_allowed", "new_card"),
            ("highest_risk_level", "new_card"),
            ("do_not_try_again", "new_card"),
            ("resource_missing", "no_method"),
        ],
    )
    def test_nothing_is_charged(self, code, needs):
        assert check(case(code)) == ("hard_decline", "customer", needs)

    @pytest.mark.parametrize("code", ["lost_card", "fraudulent", "revocation_of_authorization"])
    def test_only_another_card_after_lost_fraud_and_revoked(self, code):
        expected = ("another_card_needed", "customer", "new_card")
        fresh = replace(CARD, changed_at=NOW)

        assert check(case(code)) == expected
        assert check(case(code, method=fresh)) == expected
        assert check(case(code, method=SAME_NUMBER)) == expected
        assert check(case(code, confirmed_in_person_at=NOW)) == expected
        assert check(case(code, method=OTHER_CARD)) is None

    def test_lifted_by_another_method_new_data_or_confirmation(self):
        assert check(case("expired_card", method=SAME_NUMBER)) is None
        assert check(case("expired_card", method=replace(CARD, changed_at=NOW))) is None
        assert check(case("expired_card", confirmed_in_person_at=NOW)) is None

    def test_not_lifted_by_what_happened_before_the_decline(self):
        before = FAILED_AT - hours(1)
        facts = case(
            "expired_card",
            method=replace(CARD, changed_at=before),
            confirmed_in_person_at=before,
        )

        assert check(facts) == ("hard_decline", "customer", "new_card")

    def test_authentication_is_asked_of_the_customer(self):
        facts = case("authentication_required")

        assert check(facts) == ("authentication_needed", "customer", "authentication")
        assert check(replace(facts, confirmed_in_person_at=NOW)) is None

    def test_a_later_soft_decline_does_not_lift_an_earlier_hard_one(self):
        facts = case(failed("expired_card"), failed("insufficient_funds", at=FAILED_AT + hours(9)))

        assert check(facts) == ("hard_decline", "customer", "new_card")

    def test_a_card_lost_on_another_invoice_is_lost_for_this_one(self):
        lost = failed("lost_card", at=FAILED_AT + hours(9), on=SAME_NUMBER)
        facts = case("insufficient_funds", elsewhere=lost)

        assert check(facts) == ("another_card_needed", "customer", "new_card")
        assert check(replace(facts, method=replace(OTHER_CARD, reference="pm_3"))) is None
        assert check(replace(facts, elsewhere=failed(on=SAME_NUMBER))) is None

    def test_going_back_to_a_lost_card_is_noticed(self):
        facts = case(failed("lost_card"), failed(at=FAILED_AT + hours(9), on=OTHER_CARD))

        assert check(facts) == ("another_card_needed", "customer", "new_card")

    def test_a_new_card_goes_before_a_confirmation(self):
        later = failed("authentication_required", at=FAILED_AT + hours(9))

        assert check(case(failed("expired_card"), later)) == (
            "hard_decline",
            "customer",
            "new_card",
        )

    def test_a_try_that_names_no_method_is_taken_for_this_one(self):
        nameless = replace(failed("expired_card"), method_reference="", fingerprint="")

        assert check(case(nameless)) == ("hard_decline", "customer", "new_card")

    def test_success_and_silence_ban_nothing(self):
        paid = replace(failed(), succeeded=True, decline=None)
        silent = replace(failed(), decline=None)

        assert check(case(paid)) is None
        assert check(case(silent)) is None


class TestOrder:
    """The rail that is named when several forbid the charge."""

    def test_the_pipeline(self):
        assert [guard.__name__.strip("_") for guard in GUARDS] == [
            "closed",
            "busy",
            "hard",
            "nothing_to_charge",
            "only_in_person",
            "mandate",
            "scheme",
        ]

    def test_state_then_hard_then_method_then_debit(self):
        debit = replace(DEBIT, mandate="inactive")
        facts = case(failed(decline=Decline("account_closed"), on=DEBIT), method=debit)
        indian = replace(CARD, country="IN")

        assert check(replace(facts, processing=True))[0] == "processing"
        assert check(facts)[0] == "hard_decline"
        assert check(case(failed("R01", on=DEBIT), method=debit))[0] == "mandate_inactive"
        assert check(case("lost_card", method=indian))[0] == "another_card_needed"

    def test_a_rail_goes_before_every_wait(self):
        facts = case("expired_card", card_tries=(FAILED_AT,) * 20)

        assert check(facts, now=FAILED_AT + hours(0.5))[0] == "hard_decline"


class TestAdvice:
    @pytest.mark.parametrize(
        ("at", "expected"),
        [(datetime(2026, 10, 24, tzinfo=UTC), None), (FAILED_AT, "another_card_needed")],
    )
    def test_a_networks_row_holds_from_its_date(self, at, expected):
        decline = declined("generic_decline", network_decline_code="57")
        facts = case(failed(decline=decline, at=at))

        blocked = check_before_charge(facts=facts, rules=RECOMMENDED, now=at + days(5))
        assert (blocked.code if blocked else None) == expected

    def test_do_not_try_again_is_hard(self):
        facts = case(failed(decline=declined("generic_decline", advice_code="do_not_try_again")))

        assert check(facts) == ("hard_decline", "customer", "new_card")

    @pytest.mark.parametrize(
        ("brand", "fields", "expected"),
        [
            ("mastercard", {"network_advice_code": "21"}, "another_card_needed"),
            ("mastercard", {"network_advice_code": "40"}, "another_card_needed"),
            ("mastercard", {"network_advice_code": "01"}, "hard_decline"),
            ("mastercard", {"network_advice_code": "03"}, "hard_decline"),
            ("mastercard", {"network_advice_code": "43"}, None),
            ("mastercard", {"network_decline_code": "41"}, None),
            ("visa", {"network_decline_code": "41"}, "another_card_needed"),
            ("Visa", {"network_decline_code": "R0"}, "another_card_needed"),
            ("visa", {"network_decline_code": "54"}, "hard_decline"),
            ("visa", {"network_decline_code": "51"}, None),
            ("visa", {"network_advice_code": "03"}, None),
            ("", {"network_advice_code": "03"}, "hard_decline"),
        ],
    )
    def test_network_codes_count_for_their_network(self, brand, fields, expected):
        method = replace(CARD, brand=brand)
        facts = case(failed(decline=declined("generic_decline", **fields)), method=method)

        blocked = check_before_charge(facts=facts, rules=RECOMMENDED, now=NOW)
        assert (blocked.code if blocked else None) == expected

    def test_mastercards_pause_ends_after_thirty_days(self):
        facts = case(failed(decline=declined("generic_decline", network_advice_code="03")))
        method = replace(CARD, brand="mastercard")

        assert check(replace(facts, method=method), now=FAILED_AT + days(29.9))
        assert check(replace(facts, method=method), now=FAILED_AT + days(30)) is None

    @pytest.mark.parametrize(("code", "wait"), [("24", 1), ("25", 24), ("27", 96), ("30", 240)])
    def test_network_wait_is_a_lower_bound(self, code, wait):
        facts = case(
            failed(decline=declined("generic_decline", network_advice_code=code)),
            method=replace(CARD, brand="mastercard"),
        )
        end = FAILED_AT + hours(wait)

        blocked = blocked_by(facts, now=end - timedelta(seconds=1))
        assert (blocked.then, blocked.until) == ("later", end)
        assert check(facts, now=end) is None

    @pytest.mark.parametrize(
        "decline",
        [
            declined("generic_decline", outcome_type="blocked"),
            declined("low_probability_of_authorization"),
        ],
    )
    def test_held_back_by_stripe_waits_three_days(self, decline):
        facts = case(failed(decline=decline))

        assert check(facts, now=FAILED_AT + hours(71)) == ("held_back_by_stripe", "later", None)
        assert check(facts, now=FAILED_AT + hours(72)) is None
        assert check(replace(facts, method=OTHER_CARD), now=FAILED_AT + hours(2)) is None


class TestGap:
    def test_an_hour_between_tries_on_one_card(self):
        facts = case("insufficient_funds")

        assert check(facts, now=FAILED_AT + hours(0.9)) == ("minimum_gap", "later", None)
        assert check(facts, now=FAILED_AT + hours(1)) is None

    def test_not_after_a_change(self):
        soon = FAILED_AT + hours(0.1)

        assert check(case("expired_card", method=OTHER_CARD), now=soon) is None
        fresh = replace(CARD, changed_at=soon)
        assert check(case("expired_card", method=fresh), now=soon) is None

    def test_while_stripe_retries_only_near_its_own_try(self):
        facts = case("insufficient_funds", provider_next_try_at=NOW + hours(0.5))

        assert check(facts, rules=STRIPE_SMART) == ("stripe_will_retry", "later", None)
        assert check(facts, rules=STRIPE_SMART, now=NOW - hours(1)) is None

    def test_the_gap_of_the_rules_holds_for_a_person_too(self):
        rules, at = replace(RECOMMENDED, minimum_gap_hours=6), FAILED_AT + hours(5)
        facts = case("insufficient_funds")

        blocked = check_before_charge(facts=facts, rules=rules, now=at, manual=True)

        assert blocked.text == "Tries on one card stand at least 6 hours apart."
        assert check(facts, rules=rules, now=FAILED_AT + hours(6)) is None


class TestInStripesGaps:
    RULES = replace(RECOMMENDED, engine="gaps", gap_hours=12)

    @pytest.mark.parametrize(
        ("hours_to_stripes", "expected"),
        [
            (12, None),
            (11.9, ("stripe_will_retry", "later", None)),
            (-0.1, ("stripe_will_retry", "later", None)),
        ],
    )
    def test_never_near_stripes_try(self, hours_to_stripes, expected):
        due = NOW + hours(hours_to_stripes)

        assert (
            check(case("generic_decline", provider_next_try_at=due), rules=self.RULES) == expected
        )

    @pytest.mark.parametrize(
        ("has_retries", "code"), [(True, "stripe_will_retry"), (False, "stripe_finished")]
    )
    def test_no_planned_try_without_a_next_one_of_stripes(self, has_retries, code):
        facts = case("generic_decline", provider_has_retries=has_retries)

        assert check(facts, rules=self.RULES) == (code, "later", None)
        by_hand = check_before_charge(facts=facts, rules=self.RULES, now=NOW, manual=True)
        assert by_hand is None


class TestCardBudget:
    def test_fifteen_in_thirty_days(self):
        spent = tuple(FAILED_AT - days(n) for n in range(15))
        facts = case("insufficient_funds", card_tries=spent)

        blocked = blocked_by(facts)
        assert blocked.code == "card_budget"
        assert blocked.until == FAILED_AT - days(14) + days(30)
        assert "15 tries in 30 days" in blocked.text
        assert check(replace(facts, card_tries=spent[:-1])) is None
        assert check(facts, now=blocked.until) is None

    def test_ten_in_a_day(self):
        spent = tuple(NOW - hours(n) for n in range(10))

        blocked = blocked_by(case("insufficient_funds", card_tries=spent))
        assert (blocked.code, blocked.until) == ("card_budget", NOW + hours(15))

    def test_a_network_can_only_be_stricter_and_only_from_its_date(self):
        strict = CardLimit("visa", 5, timedelta(days=30), date(2026, 11, 3), "test")
        limits = (*CARD_LIMITS[:2], strict)

        assert limits_for("VISA", now=NOW, limits=limits) == limits
        assert limits_for("visa", now=FAILED_AT, limits=limits) == limits[:2]
        assert limits_for("amex", now=NOW, limits=limits) == limits[:2]

    def test_free_from_looks_at_the_newest_tries(self):
        limit = CARD_LIMITS[0]
        many = [FAILED_AT - days(n) for n in range(20)]

        assert free_from(limit, many) == FAILED_AT + days(16)
        assert free_from(limit, many[:14]) is None

    def test_bank_debits_have_their_own_limits(self):
        facts = case(failed("R01", on=DEBIT), method=DEBIT, card_tries=(NOW,) * 20)

        assert check(facts, rules=DEBITS) is None

    def test_a_card_without_a_fingerprint_counts_this_invoice_at_least(self):
        nameless = replace(CARD, fingerprint="")
        tries = [failed(at=NOW - hours(2 * n), on=nameless) for n in range(10, 0, -1)]

        blocked = blocked_by(case(*tries, method=nameless, card_tries=()))

        assert (blocked.code, blocked.until) == ("card_budget", NOW + hours(4))

    @pytest.mark.parametrize("brand", ["visa", "mastercard", "amex", "unionpay", ""])
    def test_no_network_is_looser_than_the_two_limits_for_all(self, brand):
        by_window = {
            window: min(one.tries for one in limits_for(brand, now=NOW) if one.window == window)
            for window in (timedelta(days=30), timedelta(hours=24))
        }

        assert by_window == {timedelta(days=30): 15, timedelta(hours=24): 10}

    def test_each_limit_names_its_source_and_date(self):
        assert all(limit.source.startswith("https://") for limit in CARD_LIMITS)
        assert {limit.network for limit in CARD_LIMITS} == {"", "visa", "mastercard"}


class TestDebits:
    @pytest.mark.parametrize(("recurring", "kind"), [(True, "recurring"), (False, "one-off")])
    def test_never_again_without_its_switch(self, recurring, kind):
        facts = case(failed("R01", on=DEBIT), method=DEBIT, recurring=recurring)
        for_recurring = replace(RECOMMENDED, debits_recurring=True)
        for_one_off = replace(RECOMMENDED, debits_one_off=True)
        own, other = (for_recurring, for_one_off) if recurring else (for_one_off, for_recurring)

        for rules in (RECOMMENDED, STRIPE_SMART, other):
            assert check(facts, rules=rules) == ("debit_off", "customer", "new_card")
        assert f"Bank debits of {kind}" in blocked_by(facts).text
        by_hand = check_before_charge(facts=facts, rules=RECOMMENDED, now=NOW, manual=True)
        assert by_hand.code == "debit_off"
        assert check(facts, rules=own) is None

    @pytest.mark.parametrize(
        ("mandate", "expected"),
        [
            ("active", None),
            ("", None),
            ("inactive", ("mandate_inactive", "customer", "new_card")),
            ("pending", ("mandate_pending", "later", None)),
        ],
    )
    def test_the_mandate_is_checked(self, mandate, expected):
        method = replace(DEBIT, mandate=mandate)

        assert check(case(failed("R01", on=DEBIT), method=method), rules=DEBITS) == expected
        assert check(case("generic_decline", method=method), rules=DEBITS) == expected

    def test_only_a_mandate_given_after_the_last_failure_is_a_new_one(self):
        tries = [failed("R01", at=FAILED_AT + days(number), on=DEBIT) for number in (0, 5)]
        changed = [replace(DEBIT, changed_at=FAILED_AT + days(number)) for number in (2, 6)]
        before, after = (case(*tries, method=method) for method in changed)
        now = FAILED_AT + days(7)

        assert check(before, now=now) == ("debit_off", "customer", "new_card")
        assert check(after, now=now) is None

    def test_a_mandate_says_nothing_about_a_card(self):
        assert check(case("generic_decline", method=replace(CARD, mandate="inactive"))) is None

    def test_only_for_too_little_money(self):
        assert check(case(failed("R01", on=DEBIT), method=DEBIT), rules=DEBITS) is None
        blocked = check(case(failed("MS03", on=DEBIT), method=DEBIT), rules=DEBITS)
        assert blocked == ("debit_reason", "customer", "new_card")

    @pytest.mark.parametrize(
        ("scheme", "retries"),
        [
            ("us_bank_account", 2),
            ("acss_debit", 1),
            ("au_becs_debit", 2),
            ("bacs_debit", 2),
            ("nz_bank_account", 1),
            ("sepa_debit", 2),
        ],
    )
    def test_no_more_often_than_the_scheme_allows(self, scheme, retries):
        debit = replace(DEBIT, type=scheme)
        tries = [failed("insufficient_funds", at=FAILED_AT + days(n), on=debit) for n in range(3)]

        facts, late = case(*tries[: retries + 1], method=debit), FAILED_AT + days(9)
        assert check(case(*tries[:retries], method=debit), rules=DEBITS, now=late) is None
        assert check(facts, rules=DEBITS, now=late) == ("debit_limit", "customer", "new_card")

    def test_no_longer_than_the_scheme_allows(self):
        facts = case(failed("AM04", on=replace(DEBIT, type="sepa_debit")))
        facts = replace(facts, method=replace(DEBIT, type="sepa_debit"))

        assert check(facts, rules=DEBITS, now=FAILED_AT + days(30)) is None
        blocked = check(facts, rules=DEBITS, now=FAILED_AT + days(31))
        assert blocked == ("debit_period", "customer", "new_card")

    def test_a_debit_that_replaces_a_card_starts_fresh(self):
        assert check(case("generic_decline", method=DEBIT)) is None

    def test_a_new_mandate_starts_fresh(self):
        facts = case(failed("MS03", on=DEBIT), method=replace(DEBIT, changed_at=NOW))

        assert check(facts) is None

    def test_a_closed_account_is_a_hard_decline(self):
        facts = case(failed(decline=Decline("account_closed"), on=DEBIT), method=DEBIT)

        assert check(facts) == ("hard_decline", "customer", "new_card")


class TestDebitRulesAlone:
    """What the pipeline never asks them, since others answer first."""

    def test_nothing_to_debit_is_no_business_of_theirs(self):
        without = case("generic_decline", method=None)

        assert debits.mandate(without, DEBITS, NOW) is None
        assert debits.scheme(without, DEBITS, NOW) is None
        assert debits.last_moment(without) is None

    def test_a_first_debit_is_none_of_the_schemes_retries(self):
        by_card = case("generic_decline", method=DEBIT)

        assert debits.scheme(by_card, RECOMMENDED, NOW) is None
        again = case("generic_decline", failed("R01", on=DEBIT), method=DEBIT)
        assert debits.scheme(again, RECOMMENDED, NOW).code == "debit_off"
