"""The people of the demo are charged when the demo needs them to be, on any day of the year."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox import Clock, Sandbox
from sandbox.demo import people
from sandbox.demo.builder import HISTORY, LIVED, Builder
from sandbox.server import plans

DAYS = [
    datetime(2026, 11, 22, 9, 14, tzinfo=UTC),
    datetime(2027, 3, 31, 23, 55, tzinfo=UTC),
    datetime(2027, 5, 30, 0, 5, tzinfo=UTC),
    datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
    datetime(2028, 3, 1, 6, 0, tzinfo=UTC),
]


def everybody():
    return (*people.PAST, *people.FUTURE, people.RETRIED_AT_ONCE, people.FAILS_AT_ONCE)


def built(demo: datetime) -> Sandbox:
    sandbox = Sandbox(clock=Clock(start=demo - LIVED - HISTORY), seed=7)
    Builder(sandbox, demo=demo, lived_from=demo - LIVED).build(everybody())
    return sandbox


def live_until(sandbox: Sandbox, end: datetime) -> None:
    while True:
        due = [sandbox.next_due_at(), plans.next_at(sandbox)]
        soonest = min((moment for moment in due if moment), default=end)
        sandbox.run_until(min(soonest, end))
        plans.carry_out_due(sandbox)
        if soonest >= end:
            return


def test_the_cast_is_large_and_unmistakable():
    cast = everybody()

    assert len(cast) >= 30
    assert len({person.email for person in cast}) == len(cast)
    assert all(person.email.endswith("@example.com") for person in cast)


@pytest.mark.parametrize("demo", DAYS, ids=lambda day: day.date().isoformat())
def test_everybody_paid_before_the_lived_weeks(demo):
    sandbox = built(demo)

    assert sandbox.now() == demo - LIVED
    assert {charge["status"] for charge in sandbox.objects("charge")} == {"succeeded"}
    assert {row["status"] for row in sandbox.objects("subscription")} == {"active"}


@pytest.mark.parametrize("demo", DAYS, ids=lambda day: day.date().isoformat())
def test_everybody_is_charged_at_the_time_that_is_named(demo):
    sandbox = built(demo)
    live_until(sandbox, demo + timedelta(days=8))

    billed = {
        (row["customer_email"], row["status_transitions"]["finalized_at"])
        for row in sandbox.objects("invoice")
    }
    for person in everybody():
        wanted = int((demo + person.charged).timestamp())
        assert any((person.email, wanted + late) in billed for late in range(-1, 2)), person.name


def test_hard_cards_fail_and_fine_cards_pay():
    demo = DAYS[0]
    sandbox = built(demo)
    live_until(sandbox, demo)

    failed = {row["id"] for row in sandbox.objects("customer") if row["delinquent"]}
    names = {row["name"] for row in sandbox.objects("customer") if row["id"] in failed}
    assert {"Liam O'Connor", "Omar Haddad", "مريم الصباح"} <= names
    assert "William Chen" not in names
