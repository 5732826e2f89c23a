"""What becomes of sent invoices: by the merchant's rules, and never while something is under way."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.money import Money
from apps.dunning.sent_invoices import Act, Leave, Owed, SentInvoiceRules, act_on

NOV_2 = dt.datetime(2026, 11, 2, 15, 0, tzinfo=dt.UTC)
DUE = dt.datetime(2026, 12, 2, 15, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
RULES = SentInvoiceRules(
    end="void", end_days=30, end_since=NOV_2, credit_up_to=Money(2_000, "usd"), credit_since=NOV_2
)
OWED = Owed(
    status="open",
    is_sent=True,
    is_processing=False,
    finalized_at=NOV_2,
    due_at=DUE,
    remaining=Money(30_000, "usd"),
    paid=Money(0, "usd"),
)


def ask(now=DUE + 30 * DAY, rules=RULES, **changes):
    return act_on(owed=replace(OWED, **changes), rules=rules, now=now)


@pytest.mark.parametrize("end", ["void", "uncollectible"])
def test_the_end_comes_so_many_days_after_the_due_day(end):
    rules = replace(RULES, end=end)

    assert ask(now=DUE + 30 * DAY - dt.timedelta(minutes=1), rules=rules).code == "too_early"
    decision = ask(rules=rules)
    assert decision == Act(end, "30 days past due and not paid.")


def test_by_default_nothing_is_done():
    assert ask(rules=SentInvoiceRules(), paid=Money(29_999, "usd")).code == "no_rule"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_processing": True}, "processing"),
        ({"status": "paid"}, "closed"),
        ({"status": "void"}, "closed"),
        ({"status": "uncollectible"}, "closed"),
        ({"status": "draft"}, "closed"),
        ({"remaining": Money(0, "usd")}, "closed"),
        ({"is_sent": False}, "automatic"),
        ({"due_at": None}, "no_rule"),
    ],
)
def test_nothing_is_done(changes, code):
    assert ask(**changes).code == code


def test_invoices_that_were_older_when_the_rule_was_saved_stay_as_they_are():
    late = replace(RULES, end_since=DUE + 31 * DAY)

    assert ask(now=DUE + 40 * DAY, rules=late).code == "no_rule"


def test_what_is_partly_paid_is_never_voided_but_may_be_bad_debt():
    part = Money(10_000, "usd")

    assert ask(paid=part).code == "partly_paid"
    assert ask(paid=part, rules=replace(RULES, end="uncollectible")).what == "uncollectible"


@pytest.mark.parametrize(
    ("changes", "credited"),
    [
        ({"remaining": Money(2_000, "usd"), "paid": Money(28_000, "usd")}, True),
        ({"remaining": Money(1, "usd"), "paid": Money(29_999, "usd")}, True),
        ({"remaining": Money(2_001, "usd"), "paid": Money(27_999, "usd")}, False),
        ({"remaining": Money(2_000, "eur"), "paid": Money(28_000, "eur")}, False),
        ({"remaining": Money(2_000, "usd")}, False),
        (
            {
                "remaining": Money(2_000, "usd"),
                "paid": Money(28_000, "usd"),
                "finalized_at": NOV_2 - DAY,
            },
            False,
        ),
    ],
    ids=["at the limit", "a cent", "above", "another currency", "nothing paid", "older"],
)
def test_a_small_rest_is_credited(changes, credited):
    decision = ask(now=NOV_2 + DAY, **changes)

    assert (isinstance(decision, Act) and decision.what == "credit") == credited


@given(
    st.builds(
        Owed,
        status=st.sampled_from(["open", "paid", "void", "uncollectible", "draft"]),
        is_sent=st.booleans(),
        is_processing=st.booleans(),
        finalized_at=st.just(NOV_2),
        due_at=st.just(DUE),
        remaining=st.integers(0, 30_000).map(lambda minor: Money(minor, "usd")),
        paid=st.integers(0, 30_000).map(lambda minor: Money(minor, "usd")),
    ),
    st.integers(-60, 120),
)
def test_only_what_is_open_sent_owed_and_quiet_is_ever_touched(owed, days):
    decision = act_on(owed=owed, rules=RULES, now=DUE + days * DAY)

    if not isinstance(decision, Leave):
        assert owed.status == "open"
        assert owed.is_sent
        assert not owed.is_processing
        assert owed.remaining.minor > 0
        assert decision.what == "credit" or days >= 30
