"""What holds for every case, every schedule and every moment."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning import codes
from apps.dunning.decision import GiveUp, LeaveToStripe, RetryAt, WaitForCustomer
from apps.dunning.facts import Decline, Method
from apps.dunning.guards import check_before_charge
from apps.dunning.policy import next_step, plan
from apps.dunning.presets import PRESETS
from apps.dunning.rules import MAX_DAYS, MINIMUM_GAP, RetryRules, RulesError, Step
from apps.dunning.timing import wall_time, zone_of
from tests.dunning.builders import CARD, case, failed

START = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
    "nowhere",
]


def rarely(usual, *others):
    """Mostly the usual value, so that most cases still come to a retry."""
    return st.sampled_from([usual] * 4 * len(others) + list(others))


moments = st.integers(0, 5 * 366 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
some_time = st.none() | st.builds(time, st.integers(0, 23), st.integers(0, 59))
steps = st.builds(Step, wait_hours=st.integers(1, 180), at=some_time) | st.builds(
    Step, wait_hours=st.integers(24, 180), at=some_time, payday_within_days=st.integers(0, 4)
)
ladders = st.lists(steps, min_size=1, max_size=8).map(tuple)
own_rules = st.builds(
    RetryRules,
    engine=rarely("recoup", "gaps"),
    strategy=st.sampled_from(["custom", "decline_aware"]),
    steps=ladders,
    table=st.dictionaries(
        st.sampled_from(["funds", "issuer", "technical", "limits", "unknown"]), ladders, min_size=1
    ),
    final_action=st.sampled_from(["cancel", "leave_past_due"]),
)
any_rules = own_rules | st.sampled_from([preset.rules for preset in PRESETS.values()])


soft_codes = sorted({row.code for row in codes.all_rows() if not row.hard})
every_code = sorted({row.code for row in codes.all_rows()})
declines = st.builds(
    Decline,
    code=st.sampled_from(["card_declined", "expired_card", "processing_error", ""]),
    decline_code=st.sampled_from(["", "brand_new", *soft_codes]) | st.sampled_from(every_code),
    advice_code=rarely("", "try_again_later", "do_not_try_again"),
    outcome_type=rarely("", "issuer_declined", "blocked"),
    network_advice_code=rarely("", "02", "03", "21", "24", "30"),
    network_decline_code=rarely("", "51", "41", "54"),
)
methods = st.builds(
    Method,
    reference=st.sampled_from(["pm_1", "pm_2"]),
    type=rarely("card", "sepa_debit", "us_bank_account"),
    brand=st.sampled_from(["visa", "mastercard", ""]),
    fingerprint=st.sampled_from(["fp_1", "fp_2", ""]),
    country=rarely("US", "IN", ""),
    changed_at=st.none() | moments,
)


@st.composite
def cases(draw, *, soft_only=False):
    first = draw(moments)
    count = draw(st.integers(0, 4))
    gaps = draw(st.lists(st.integers(0, 200), min_size=count, max_size=count))
    tries, at = [], first
    for gap in gaps:
        at += timedelta(hours=gap)
        decline = Decline("card_declined", "insufficient_funds") if soft_only else draw(declines)
        tries.append(failed(at=at, decline=decline))
    own = tuple(one.at for one in tries)
    others = draw(st.lists(st.integers(0, 700), max_size=0 if soft_only else 16))
    return case(
        *tries,
        first_failed_at=first,
        retries_made=draw(st.integers(0, 9)),
        method=CARD if soft_only else draw(methods) if draw(rarely(True, False)) else None,
        zone=draw(st.sampled_from(ZONES)),
        card_tries=(*own, *(first - timedelta(hours=hour) for hour in others)),
        processing=False if soft_only else draw(rarely(False, True)),
        account_attached=True if soft_only else draw(rarely(True, False)),
        confirmed_in_person_at=None if soft_only else draw(st.none() | moments),
        provider_next_try_at=None if soft_only else draw(st.none() | moments),
    )


def moment_after(draw, facts):
    last = facts.last_try
    return (last.at if last else facts.first_failed_at) + timedelta(minutes=draw)


late = st.sampled_from([0, 1, 600]) | st.integers(0, 90 * 24 * 60)


@given(cases(), any_rules, late)
def test_never_in_the_past_always_explained_and_always_the_same(facts, rules, minutes):
    now = moment_after(minutes, facts)

    decision = next_step(facts=facts, rules=rules, now=now)

    assert decision == next_step(facts=facts, rules=rules, now=now)
    assert decision.reasons
    assert all(reason.code and reason.text.endswith(".") for reason in decision.reasons)
    if isinstance(decision, RetryAt):
        assert decision.due_at >= now
        assert decision.due_at.utcoffset() == timedelta(0)
        assert rules.engine != "stripe"
    if isinstance(decision, WaitForCustomer):
        assert decision.until > now


@given(cases(), any_rules, late)
def test_a_retry_passes_the_check_at_its_time(facts, rules, minutes):
    now = moment_after(minutes, facts)
    decision = next_step(facts=facts, rules=rules, now=now)

    if isinstance(decision, RetryAt):
        if rules.engine == "recoup":
            facts = replace(facts, provider_next_try_at=None)
        assert check_before_charge(facts=facts, rules=rules, now=decision.due_at) is None


@given(cases(), any_rules, late)
def test_a_plan_rises_keeps_the_gap_and_stays_in_the_window(facts, rules, minutes):
    now = moment_after(minutes, facts)

    ahead = plan(facts=facts, rules=rules, now=now)

    moments = [one.due_at for one in ahead]
    assert all(later - earlier >= MINIMUM_GAP for earlier, later in pairwise(moments))
    numbers = [one.number for one in ahead if one.number]
    assert numbers == list(range(facts.retries_made + 1, facts.retries_made + 1 + len(numbers)))
    assert sum(one.number == 0 for one in ahead) <= 1
    assert len(numbers) <= 8
    for one in ahead[1:]:
        assert one.due_at <= facts.first_failed_at + timedelta(days=MAX_DAYS + 1)


@given(cases(soft_only=True), own_rules)
def test_timely_tries_end_with_the_schedule(facts, rules):
    first = failed(at=facts.first_failed_at)
    facts = replace(facts, tries=(first,), retries_made=0, card_tries=())
    try:
        rules.validate()
    except RulesError:
        return

    ahead = plan(facts=facts, rules=rules, now=moment_after(0, facts))

    ladder = (*rules.steps, *(step for ladder in rules.table.values() for step in ladder))
    # A time of day may add up to a day to each step, a payday its days once.
    slack = timedelta(days=len(ahead) + max(step.payday_within_days for step in ladder))
    assert all(one.due_at <= facts.first_failed_at + rules.horizon + slack for one in ahead)


@given(cases(), any_rules)
def test_a_case_always_ends(facts, rules):
    facts = replace(facts, processing=False, provider_next_try_at=None, provider_has_retries=False)
    if facts.method:
        facts = replace(facts, method=replace(facts.method, changed_at=None))
    facts = replace(facts, confirmed_in_person_at=None)
    now = moment_after(0, facts)

    for _ in range(30):
        decision = next_step(facts=facts, rules=rules, now=now)
        if isinstance(decision, GiveUp):
            return
        if isinstance(decision, LeaveToStripe):
            now = facts.first_failed_at + rules.horizon
            continue
        if isinstance(decision, WaitForCustomer):
            now = decision.until
            continue
        now = decision.due_at
        facts = replace(
            facts,
            tries=(*facts.tries, failed(at=now, on=facts.method)),
            retries_made=facts.retries_made + (decision.number > 0),
            card_tries=(*facts.card_tries, now),
        )
    pytest.fail("still open after 30 decisions")


@given(cases(soft_only=True), own_rules, late)
def test_a_time_of_day_is_kept_on_the_customers_clock(facts, rules, minutes):
    rules = replace(
        rules, strategy="custom", steps=tuple(replace(s, at=time(10)) for s in rules.steps)
    )
    zone = zone_of(facts.zone)

    for one in plan(facts=facts, rules=rules, now=moment_after(minutes, facts)):
        assert wall_time(one.due_at, zone).time() == time(10)
