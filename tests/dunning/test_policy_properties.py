"""What holds for every case, every schedule and every moment."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning import codes
from apps.dunning.decision import GiveUp, LeaveToStripe, RetryAt, WaitForCustomer
from apps.dunning.facts import BackupMethod, Decline, Method
from apps.dunning.guards import check_before_charge
from apps.dunning.policy import next_step, plan
from apps.dunning.presets import PRESETS
from apps.dunning.rules import MAX_DAYS, ROTATION, RetryRules, RulesError, Step
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
    gap_hours=st.integers(1, 72),
    debits_recurring=st.booleans(),
    debits_one_off=st.booleans(),
    backup_after=rarely(0, 1, 3),
    rotates=st.booleans(),
    midnight_debit_cards=st.booleans(),
    jitter_minutes=rarely(0, 1, 30, 120),
    minimum_gap_hours=rarely(1, 6, 48),
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
    funding=st.sampled_from(["credit", "debit", ""]),
    mandate=rarely("", "active", "inactive", "pending"),
    changed_at=st.none() | moments,
)
backups = st.builds(
    BackupMethod,
    method=st.builds(
        Method,
        reference=st.sampled_from(["pm_8", "pm_9"]),
        fingerprint=rarely("fp_9", "fp_1", ""),
        country=rarely("US", "IN"),
    ),
    last_paid_at=moments,
    declined_hard=rarely(False, True),
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
        tries.append(failed(at=at, decline=decline, moves_schedule=draw(rarely(True, False))))
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
        reference=draw(st.sampled_from(["in_1", "in_2", ""])),
        recurring=draw(st.booleans()),
        backups=() if soft_only else tuple(draw(st.lists(backups, max_size=2))),
        backup_used=draw(rarely(False, True)),
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
        blocked = check_before_charge(
            facts=facts, rules=rules, now=decision.due_at, method=decision.method
        )
        assert blocked is None


@given(cases(), any_rules, late)
def test_a_plan_rises_keeps_the_gap_and_stays_in_the_window(facts, rules, minutes):
    now = moment_after(minutes, facts)

    ahead = plan(facts=facts, rules=rules, now=now)

    moments = [one.due_at for one in ahead]
    usual = [one.due_at for one in ahead if not one.method]
    assert moments == sorted(moments)
    assert all(later - earlier >= rules.minimum_gap for earlier, later in pairwise(usual))
    assert sum(bool(one.method) for one in ahead) <= 1
    numbers = [one.number for one in ahead if one.number]
    assert numbers == list(range(facts.retries_made + 1, facts.retries_made + 1 + len(numbers)))
    assert sum(one.number == 0 and not one.method for one in ahead) <= 1
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
        assert isinstance(decision, RetryAt), "no older instalment holds this one back"
        now = decision.due_at
        backup = next(
            (one.method for one in facts.backups if one.method.reference == decision.method), None
        )
        tried = failed(at=now, on=backup or facts.method, moves_schedule=decision.number > 0)
        facts = replace(
            facts,
            tries=(*facts.tries, replace(tried, backup=backup is not None)),
            retries_made=facts.retries_made + (decision.number > 0),
            card_tries=(*facts.card_tries, now),
        )
    pytest.fail("still open after 30 decisions")


@given(cases(soft_only=True), own_rules, late)
def test_a_time_of_day_is_kept_on_the_customers_clock(facts, rules, minutes):
    rules = replace(
        rules,
        strategy="custom",
        steps=tuple(replace(s, at=time(10)) for s in rules.steps),
        rotates=False,
    )
    zone = zone_of(facts.zone)

    for one in plan(facts=facts, rules=rules, now=moment_after(minutes, facts)):
        wall = wall_time(one.due_at, zone)
        assert timedelta() <= wall - wall.replace(hour=10, minute=0) <= spread_of(rules)


@given(cases(soft_only=True), own_rules, late, st.sampled_from(["credit", "debit"]))
def test_hours_rotate_but_for_debit_cards_that_are_tried_at_midnight(
    facts, rules, minutes, funding
):
    rules = replace(
        rules,
        strategy="custom",
        steps=tuple(replace(s, at=time(9)) for s in rules.steps),
        rotates=True,
        midnight_debit_cards=True,
    )
    facts = replace(facts, method=replace(CARD, funding=funding))
    zone = zone_of(facts.zone)

    for one in plan(facts=facts, rules=rules, now=moment_after(minutes, facts)):
        at = time(0, 1) if funding == "debit" else ROTATION[(one.number - 1) % 3]
        wall = wall_time(one.due_at, zone)
        after = wall - wall.replace(hour=at.hour, minute=at.minute)
        # The first minute after a gap of the clock stands for one the clock skips.
        assert timedelta() <= after <= spread_of(rules) + timedelta(hours=1)


def spread_of(rules):
    return timedelta(minutes=rules.jitter_minutes)


@given(cases(soft_only=True), own_rules)
def test_a_plan_looked_at_later_is_the_same_plan(facts, rules):
    """What is planned does not move by asking again before it is due."""
    now = moment_after(0, facts)
    first = next_step(facts=facts, rules=rules, now=now)
    if not isinstance(first, RetryAt):
        return

    between = now + (first.due_at - now) / 2
    for later in (between, first.due_at):
        again = next_step(facts=facts, rules=rules, now=later)
        assert isinstance(again, RetryAt)
        assert again.due_at == first.due_at


@given(cases(soft_only=True), own_rules, st.integers(1, 100))
def test_a_try_outside_the_schedule_does_not_move_it(facts, rules, percent):
    now = moment_after(0, facts)
    planned = next_step(facts=facts, rules=rules, now=now)
    if not isinstance(planned, RetryAt) or planned.number == 0 or not facts.tries:
        return  # without a try before, the one by hand brings a reason, and so a schedule, of its own
    at = now + (planned.due_at - now) * percent / 100
    if planned.due_at - at < rules.minimum_gap:
        return
    by_hand = replace(failed(at=at), moves_schedule=False)
    facts = replace(facts, tries=(*facts.tries, by_hand))

    again = next_step(facts=facts, rules=rules, now=at)

    assert isinstance(again, RetryAt)
    assert (again.due_at, again.number) == (planned.due_at, planned.number)
