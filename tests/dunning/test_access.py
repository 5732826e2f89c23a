"""When a failed payment takes access: decided without a database."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.access import (
    ORDER,
    AccessFacts,
    AccessRules,
    AccessRulesError,
    Ladder,
    PlannedStep,
    Step,
    counts_as_failure,
    decide,
    plan_steps,
)
from apps.dunning.facts import Decline

NOON = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
FAILED = AccessFacts(offer="prod_1", reason="funds", failed_at=NOON)
AT_ONCE = AccessRules(revoke="first_failure", grant=True)
LADDER = Ladder(steps=(Step("banner", 0), Step("limited", 3), Step("revoked", 7)))


def states(facts, rules) -> list[tuple[str, int]]:
    steps = plan_steps(facts=facts, rules=rules)
    return [(step.state, (step.due_at - NOON).days) for step in steps]


def state_at(facts, rules, now, current="granted") -> str:
    steps = plan_steps(facts=facts, rules=rules)
    return decide(facts=facts, steps=steps, now=now, current=current).state


def test_day_one_takes_nothing():
    assert states(FAILED, AccessRules()) == []


def test_the_first_failed_payment_revokes_at_once():
    assert states(FAILED, AT_ONCE) == [("revoked", 0)]
    assert state_at(FAILED, AT_ONCE, NOON) == "revoked"


def test_grace_days_come_first():
    rules = replace(AT_ONCE, grace_days=7)

    assert states(FAILED, rules) == [("revoked", 7)]
    assert state_at(FAILED, rules, NOON + 7 * DAY - HOUR) == "granted"
    assert state_at(FAILED, rules, NOON + 7 * DAY) == "revoked"


def test_tries_used_up_waits_for_the_end():
    rules = replace(AT_ONCE, revoke="tries_used_up", grace_days=2)

    assert states(FAILED, rules) == []
    assert states(replace(FAILED, used_up_at=NOON + 21 * DAY), rules) == [("revoked", 23)]


def test_what_asks_for_3d_secure_or_is_at_the_bank_has_not_failed():
    assert states(replace(FAILED, failed_at=None), AT_ONCE) == []
    assert not counts_as_failure(requires_action=True, decline=None)
    assert not counts_as_failure(
        requires_action=False, decline=Decline("card_declined", "authentication_required")
    )
    assert counts_as_failure(
        requires_action=False, decline=Decline("card_declined", "insufficient_funds")
    )


def test_a_charge_under_way_is_waited_for():
    facts = replace(FAILED, under_way=True)

    decision = decide(facts=facts, steps=plan_steps(facts=FAILED, rules=AT_ONCE), now=NOON)

    assert (decision.state, decision.code) == ("granted", "under_way")


def test_the_ladder_goes_down_by_days():
    rules = replace(AT_ONCE, ladders=(LADDER,), grace_days=30)

    assert states(FAILED, rules) == [("banner", 0), ("limited", 3), ("revoked", 7)]
    assert state_at(FAILED, rules, NOON) == "banner"
    assert state_at(FAILED, rules, NOON + 4 * DAY) == "limited"
    assert state_at(FAILED, rules, NOON + 9 * DAY) == "revoked"


def test_the_first_fitting_ladder_counts_by_offer_and_reason():
    late = Ladder(steps=(Step("revoked", 10),), reasons=("technical",))
    course = Ladder(steps=(Step("limited", 1),), offers=("prod_course",))
    rules = replace(AT_ONCE, ladders=(late, course))

    assert states(replace(FAILED, reason="technical", offer="prod_course"), rules) == [
        ("revoked", 10)
    ]
    assert states(replace(FAILED, offer="prod_course"), rules) == [("limited", 1)]
    assert states(FAILED, rules) == [("revoked", 0)]


def test_only_chosen_offers_are_covered():
    rules = replace(AT_ONCE, offers=("prod_2",))

    assert states(FAILED, rules) == []
    assert states(replace(FAILED, offer="prod_2"), rules) == [("revoked", 0)]


def test_other_payment_types_are_not_covered():
    facts = replace(FAILED, is_covered=False)

    assert states(facts, AT_ONCE) == []
    decision = decide(facts=facts, steps=(), now=NOON)
    assert decision.why == "Not available for this payment type."


def test_the_next_step_is_named():
    rules = replace(AT_ONCE, ladders=(LADDER,))
    steps = plan_steps(facts=FAILED, rules=rules)

    decision = decide(facts=FAILED, steps=steps, now=NOON + DAY, current="banner")

    assert decision.next == steps[1]
    assert decision.next.why == "Unpaid 3 days after the first failure."


@given(
    facts=st.builds(
        AccessFacts,
        offer=st.sampled_from(["prod_1", "prod_2"]),
        reason=st.sampled_from(["funds", "technical", "none"]),
        failed_at=st.none() | st.just(NOON),
        used_up_at=st.none() | st.just(NOON + 21 * DAY),
        is_covered=st.booleans(),
        is_owed=st.booleans(),
        under_way=st.booleans(),
    ),
    rules=st.builds(
        AccessRules,
        revoke=st.sampled_from(["never", "first_failure", "tries_used_up"]),
        grace_days=st.integers(0, 30),
        ladders=st.sampled_from([(), (LADDER,)]),
    ),
    current=st.sampled_from(ORDER),
    hours=st.integers(0, 24 * 60),
)
def test_nobody_loses_more_than_a_due_step_says(facts, rules, current, hours):
    now = NOON + hours * HOUR
    steps = plan_steps(facts=facts, rules=rules)

    decision = decide(facts=facts, steps=steps, now=now, current=current)

    if not facts.is_owed or not facts.is_covered:
        assert decision.state == "granted", "never revoked while paid"
    elif decision.state != current:
        assert not facts.under_way
        assert ORDER.index(decision.state) > ORDER.index(current)
        assert any(step.state == decision.state and step.due_at <= now for step in steps)
    if rules.revoke == "never" or (facts.failed_at is None and facts.used_up_at is None):
        assert not steps


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (Step("granted", 0),),
        (Step("revoked", 1), Step("banner", 2)),
        (Step("banner", 5), Step("revoked", 2)),
        (Step("revoked", 61),),
        (Step("revoked", -1),),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused(steps):
    with pytest.raises(AccessRulesError):
        Ladder(steps=steps)


def test_ladders_travel_as_json():
    ladder = replace(LADDER, offers=("prod_1",), reasons=("funds",))

    assert Ladder.from_json(ladder.to_json()) == ladder


@pytest.mark.parametrize(
    "data",
    [None, {}, [], {"steps": [{"state": "gone", "after_days": 1}], "offers": [], "reasons": []}],
)
def test_other_json_is_no_ladder(data):
    with pytest.raises(AccessRulesError):
        Ladder.from_json(data)


def test_grace_has_limits():
    with pytest.raises(AccessRulesError):
        AccessRules(grace_days=31)


def test_a_held_step_is_simply_not_among_those_given():
    assert decide(facts=FAILED, steps=(), now=NOON).code == "kept"
    held_later = [PlannedStep("banner", NOON, "x")]
    assert decide(facts=FAILED, steps=held_later, now=NOON).state == "banner"
