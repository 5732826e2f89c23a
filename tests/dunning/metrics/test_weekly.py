import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from apps.dunning.metrics.alerts import Thresholds, Trend
from apps.dunning.metrics.rates import Share
from apps.dunning.metrics.weekly import (
    Person,
    ReasonTrend,
    WeekFacts,
    is_near_payday,
    review,
    week_before,
)

MONDAY = dt.date(2026, 11, 16)
RULES = Thresholds(retry_success_percent=30, retry_success_sample=20)


def share(paid: int, ran: int) -> Share:
    return Share(paid, ran, ran)


CALM = WeekFacts(first=MONDAY, retries=share(20, 50), before=share(80, 200))


def reviewed(**facts):
    return review(facts=replace(CALM, **facts), thresholds=RULES)


def person(number: int, **facts) -> Person:
    values: dict[str, Any] = {
        "case_id": number,
        "name": f"Person {number}",
        "amount_minor": 1000 * number,
        "currency": "usd",
        "months": 0,
        "mails": 2,
        "opened_link": False,
        "can_act": True,
    }
    return Person(**(values | facts))


@pytest.mark.parametrize(
    ("paid", "ran", "verdict"),
    [
        (6, 20, "good"),
        (5, 20, "low"),
        (0, 19, "few"),
        (0, 0, "few"),
        (299, 1000, "low"),
        (300, 1000, "good"),
    ],
)
def test_the_threshold_holds_from_the_smallest_sample_on(paid, ran, verdict):
    assert reviewed(retries=share(paid, ran)).verdict == verdict


def test_the_headline_names_the_threshold_and_the_weeks_before():
    assert reviewed(retries=share(10, 50)).headline == (
        "Of 50 retries 10 were paid, 20 %: below your threshold of 30 %, "
        "after 40 % in the four weeks before."
    )
    assert "at your threshold" in reviewed(retries=share(15, 50)).headline
    assert reviewed(retries=share(0, 0)).headline == "No retry ran this week."


def test_a_calm_week_gives_no_hint():
    assert reviewed().hints == ()


class TestPaydays:
    def test_much_better_near_paydays_is_said_with_what_to_do(self):
        (hint,) = reviewed(near_payday=share(12, 30), other_days=share(15, 60)).hints

        assert hint.topic == "paydays"
        assert "40 % of retries near paydays" in hint.text
        assert "25 % on other days" in hint.text
        assert "Let the schedule" in hint.todo

    def test_rules_that_go_there_already_are_not_told_to(self):
        (hint,) = reviewed(
            near_payday=share(12, 30), other_days=share(15, 60), follows_paydays=True
        ).hints

        assert "already" in hint.todo

    @pytest.mark.parametrize(
        ("near", "other"),
        [((12, 19), (1, 60)), ((12, 30), (1, 19)), ((9, 30), (15, 60)), ((0, 30), (0, 60))],
    )
    def test_too_few_or_too_little_difference_says_nothing(self, near, other):
        assert reviewed(near_payday=share(*near), other_days=share(*other)).hints == ()

    @pytest.mark.parametrize(
        ("day", "near"),
        [
            (dt.date(2026, 11, 1), True),
            (dt.date(2026, 11, 2), True),
            (dt.date(2026, 11, 3), False),
            (dt.date(2026, 11, 15), True),
            (dt.date(2026, 11, 16), True),
            (dt.date(2026, 11, 30), True),
        ],
    )
    def test_paydays_and_the_days_after_them(self, day, near):
        assert is_near_payday(day) == near


class TestWorse:
    def hints(self, week, before):
        one = ReasonTrend("do_not_honor", "Declined by bank", share(*week), share(*before))
        return reviewed(reasons=[one]).hints

    def test_a_code_that_fell_by_a_third_and_ten_points_got_worse(self):
        (hint,) = self.hints((4, 20), (32, 80))

        assert (hint.topic, hint.key) == ("worse", "do_not_honor")
        assert "20 % of 20 retries were paid, after 40 %" in hint.text

    @pytest.mark.parametrize(
        ("week", "before"),
        [((0, 9), (8, 10)), ((0, 10), (8, 9)), ((7, 20), (32, 80)), ((1, 20), (10, 80))],
    )
    def test_few_retries_and_small_moves_did_not(self, week, before):
        assert self.hints(week, before) == ()


class TestOutage:
    def test_a_network_or_a_code_of_banks_that_do_not_answer_is_an_outage(self):
        trends = [
            Trend("network", "visa", "Visa cards", 60, 40),
            Trend("reason", "processing_error", "Processing error", 40, 10),
            Trend("reason", "expired_card", "Card expired", 40, 10),
        ]

        topics = {hint.key: hint.topic for hint in reviewed(trends=trends).hints}

        assert topics == {
            "network:visa": "outage",
            "reason:processing_error": "outage",
            "reason:expired_card": "spike",
        }

    def test_one_bank_is_told_of_only_where_it_is_alone(self):
        bank = Trend("issuer", "visa BR", "Visa cards from banks in Brazil", 30, 4)
        country = Trend("country", "BR", "Customers in Brazil", 30, 4)

        assert [hint.key for hint in reviewed(trends=[bank]).hints] == ["issuer:visa BR"]
        assert [hint.key for hint in reviewed(trends=[bank, country]).hints] == ["country:BR"]


class TestPeople:
    def test_the_loyal_come_first_then_the_largest_and_at_most_five(self):
        people = [person(number) for number in range(1, 8)] + [person(8, months=9, amount_minor=1)]

        notes = reviewed(people=people).notes

        assert [note.person.case_id for note in notes] == [8, 7, 6, 5, 4]

    def test_whoever_cannot_act_is_left_alone(self):
        assert reviewed(people=[person(1, can_act=False)]).notes == ()

    @pytest.mark.parametrize(
        ("facts", "why"),
        [
            ({"opened_link": True}, "opened the payment link and did not finish"),
            ({"months": 14, "mails": 1}, "has paid for 14 months, and 1 mail did not help"),
            ({"mails": 3}, "3 mails did not help"),
            ({"mails": 0}, "was not written to yet"),
        ],
    )
    def test_it_says_why(self, facts, why):
        (note,) = reviewed(people=[person(1, **facts)]).notes

        assert note.why == why


def test_an_empty_week_is_not_worth_a_mail():
    nothing = WeekFacts(first=MONDAY, retries=share(0, 0), before=share(0, 0))

    assert not review(facts=nothing, thresholds=RULES).is_worth_mailing
    assert reviewed().is_worth_mailing
    assert review(facts=replace(nothing, people=[person(1)]), thresholds=RULES).is_worth_mailing


@pytest.mark.parametrize("today", [MONDAY + dt.timedelta(days=n) for n in range(7)])
def test_the_week_before_is_over(today):
    assert week_before(today) == dt.date(2026, 11, 9)
