"""When a step comes: clocks that change, months that end, hours that rotate, cases that spread."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from apps.dunning.codes import lookup
from apps.dunning.facts import Decline
from apps.dunning.policy import plan
from apps.dunning.presets import DAYS_3_5_7, FILL_30_DAYS, RECOMMENDED
from apps.dunning.rules import MAX_DAYS, RetryRules, Step, steps_from_days, steps_from_hours
from apps.dunning.schedule import due_for, latest, tries_left
from apps.dunning.timing import business_day_from, is_business_day
from tests.dunning.builders import CARD, FAILED_AT, case, days, failed, hours


def custom(*steps, **fields):
    return RetryRules("recoup", "custom", steps, **fields)


def walls(facts, rules):
    zone = ZoneInfo(facts.zone)
    ahead = plan(facts=facts, rules=rules, now=facts.first_failed_at)
    return [one.due_at.astimezone(zone).isoformat(timespec="minutes") for one in ahead]


def failing_at(local, zone, code="generic_decline"):
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return case(failed(code, at=at), zone=zone)


class TestClockChanges:
    DAILY = custom(*[Step(24, at=time(10))] * 3)

    def test_in_spring_ten_stays_ten(self):
        assert walls(failing_at("2026-03-07 10:00", "America/New_York"), self.DAILY) == [
            "2026-03-08T10:00-04:00",
            "2026-03-09T10:00-04:00",
            "2026-03-10T10:00-04:00",
        ]

    def test_in_autumn_ten_stays_ten(self):
        assert walls(failing_at("2026-10-24 10:00", "Europe/Berlin"), self.DAILY) == [
            "2026-10-25T10:00+01:00",
            "2026-10-26T10:00+01:00",
            "2026-10-27T10:00+01:00",
        ]

    def test_a_time_the_clock_skips_comes_right_after_and_one_it_shows_twice_once(self):
        nightly = custom(*[Step(24, at=time(2, 30))] * 2)

        assert walls(failing_at("2026-03-07 09:00", "America/New_York"), nightly) == [
            "2026-03-08T03:00-04:00",
            "2026-03-09T02:30-04:00",
        ]
        assert walls(failing_at("2026-10-24 09:00", "Europe/Berlin"), nightly) == [
            "2026-10-25T02:30+02:00",
            "2026-10-26T02:30+01:00",
        ]

    def test_hours_are_hours_on_both_days(self):
        rules = custom(Step(24))

        for local, zone in (
            ("2026-03-07 10:00", "America/New_York"),
            ("2026-10-24 10:00", "Europe/Berlin"),
        ):
            facts = failing_at(local, zone)
            (one,) = plan(facts=facts, rules=rules, now=facts.first_failed_at)
            assert one.due_at - facts.first_failed_at == hours(24)


class TestCalendar:
    @pytest.mark.parametrize(
        ("failed_on", "wait", "expected"),
        [
            ("2027-01-31 09:00", 30, "2027-03-02T10:00+00:00"),
            ("2028-01-30 09:00", 30, "2028-02-29T10:00+00:00"),
            ("2028-02-29 09:00", 1, "2028-03-01T10:00+00:00"),
            ("2026-12-31 09:00", 1, "2027-01-01T10:00+00:00"),
        ],
    )
    def test_month_ends_leap_day_and_new_year(self, failed_on, wait, expected):
        rules = custom(Step(wait * 24, at=time(10)))

        assert walls(failing_at(failed_on, "UTC"), rules) == [expected]

    def test_business_days(self):
        assert business_day_from(date(2026, 11, 27)) == date(2026, 11, 27)
        assert business_day_from(date(2026, 11, 28)) == date(2026, 11, 30)
        assert business_day_from(date(2026, 12, 25)) == date(2026, 12, 28)
        assert not is_business_day(date(2027, 1, 1))


class TestRotation:
    def test_ten_two_eight_and_again(self):
        rules = replace(FILL_30_DAYS, rotates=True)

        shown = walls(failing_at("2026-11-02 09:30", "America/New_York"), rules)

        assert [wall[11:16] for wall in shown] == ["10:00", "14:00", "20:00"] * 2 + [
            "10:00",
            "14:00",
        ]
        assert [int(wall[8:10]) for wall in shown] == [6, 10, 13, 17, 21, 25, 28, 2]

    def test_steps_in_hours_keep_their_hour(self):
        rules = custom(*steps_from_hours([1, 6]), rotates=True)

        assert [wall[11:16] for wall in walls(case("generic_decline"), rules)] == ["10:30", "15:30"]


class TestMidnight:
    RULES = replace(DAYS_3_5_7, midnight_debit_cards=True)

    @pytest.mark.parametrize(
        ("funding", "at"), [("debit", "00:01"), ("credit", "10:00"), ("", "10:00")]
    )
    def test_one_past_midnight_for_debit_funded_cards_only(self, funding, at):
        facts = case("insufficient_funds", method=replace(CARD, funding=funding))

        assert {wall[11:16] for wall in walls(facts, self.RULES)} == {at}

    def test_also_on_a_payday(self):
        rules = replace(RECOMMENDED, midnight_debit_cards=True)
        facts = case("insufficient_funds", method=replace(CARD, funding="debit"))

        assert "2026-11-15T00:01-05:00" in walls(facts, rules)


class TestSpread:
    def minutes(self, reference, rules=None):
        rules = rules or replace(DAYS_3_5_7, jitter_minutes=60)
        shown = walls(case("generic_decline", reference=reference), rules)
        return [int(wall[11:13]) * 60 + int(wall[14:16]) - 600 for wall in shown]

    def test_each_case_has_its_own_minutes_and_keeps_them(self):
        references = [f"in_{n}" for n in range(200)]

        first = [self.minutes(one)[0] for one in references]

        assert first == [self.minutes(one)[0] for one in references]
        assert min(first) >= 0
        assert max(first) <= 60
        assert len(set(first)) > 40

    def test_known_for_good(self):
        """A process of another day and another hash seed says the same."""
        assert self.minutes("in_1") == [23, 40, 59]

    def test_never_into_the_next_day(self):
        rules = custom(Step(24, at=time(23, 30)), jitter_minutes=120)

        for n in range(30):
            facts = case("generic_decline", reference=f"in_{n}")
            (wall,) = walls(facts, rules)
            assert "2026-11-03T23:30" <= wall[:16] <= "2026-11-03T23:59"

    def test_none_by_default(self):
        assert self.minutes("in_1", DAYS_3_5_7) == [0, 0, 0]


class TestOutsideTheLadder:
    """Manual tries, new cards and backups neither use up a step nor move it."""

    RULES = custom(*steps_from_days([3, 6], at=time(10)))

    def due(self, *tries, made=0, now=None):
        facts = case("generic_decline", *tries, retries_made=made)
        ahead = plan(facts=facts, rules=self.RULES, now=now or facts.last_try.at)
        return ahead[0].due_at

    def test_the_planned_day_stays(self):
        by_hand = failed(at=FAILED_AT + days(2), moves_schedule=False)

        assert self.due(by_hand) == self.due() == datetime(2026, 11, 5, 15, tzinfo=UTC)

    def test_a_try_of_the_schedule_or_of_stripe_moves_it(self):
        assert self.due(failed(at=FAILED_AT + days(2))) == datetime(2026, 11, 7, 15, tzinfo=UTC)

    def test_a_step_that_was_due_before_it_waits_from_it(self):
        """A card that came late and failed is not charged again the next morning."""
        late = failed(at=FAILED_AT + days(10), moves_schedule=False)

        assert self.due(late) == datetime(2026, 11, 15, 15, tzinfo=UTC)


class TestEdges:
    """Where one more or one less would move a charge."""

    def due(self, facts, rules, *, earliest=None):
        found = due_for(facts, rules, rules.steps, earliest=earliest or facts.last_try.at)
        return found.at.astimezone(ZoneInfo(facts.zone)).isoformat(timespec="minutes"), found.payday

    def test_after_a_move_beyond_its_day_a_step_comes_the_day_after_the_try_before(self):
        """The plan from the first failure would say the same day, the wait alone three days on."""
        rules = custom(
            Step(24, at=time(10), payday_within_days=3),
            Step(72, at=time(10), payday_within_days=1),
        )
        tried = failed(at=datetime(2026, 11, 6, 15, tzinfo=UTC))
        facts = case("insufficient_funds", tried, retries_made=1)

        assert self.due(facts, rules) == ("2026-11-07T10:00-05:00", None)

    def test_the_minimum_gap_counts_from_the_try_before(self):
        rules = custom(Step(1, at=time(10)), minimum_gap_hours=1)

        assert self.due(case("generic_decline"), rules)[0] == "2026-11-03T10:00-05:00"

    def test_the_payday_of_the_try_itself_is_none_any_more(self):
        rules = custom(Step(24, at=time(10), payday_within_days=1))
        first = datetime(2026, 12, 1, 13, tzinfo=UTC)
        facts = case(failed(at=first), first_failed_at=first)

        assert self.due(facts, rules) == ("2026-12-02T10:00-05:00", None)

    def test_a_payday_at_the_very_moment_it_may_be_is_taken(self):
        rules = custom(Step(24, at=time(10), payday_within_days=12))
        facts = case("insufficient_funds")
        payday = datetime(2026, 11, 13, 15, tzinfo=UTC)

        assert self.due(facts, rules, earliest=payday)[1].day == date(2026, 11, 13)
        later = self.due(facts, rules, earliest=payday + timedelta(seconds=1))
        assert later[1].day == date(2026, 11, 15)

    @pytest.mark.parametrize(
        ("minute", "due"), [(30, "2027-01-15T09:30"), (29, "2027-01-14T09:30")]
    )
    def test_a_payday_at_the_very_end_is_taken_and_none_after_it(self, minute, due):
        rules = custom(Step(48, at=time(9, 30), payday_within_days=1))
        first = datetime(2026, 11, 15, 14, minute, tzinfo=UTC)
        tried = failed(at=first + days(MAX_DAYS - 2))
        facts = case(failed(at=first), tried, first_failed_at=first)
        assert latest(facts) == first + days(MAX_DAYS + 1)

        at, payday = self.due(facts, rules)
        assert at == f"{due}-05:00"
        assert (payday is not None) == (minute == 30)

    def test_a_first_step_counts_from_a_later_try_of_stripe(self):
        rules = custom(Step(72, at=time(10)), Step(72, at=time(10), payday_within_days=3))
        facts = case("generic_decline", failed(at=FAILED_AT + days(1)))

        assert self.due(facts, rules) == ("2026-11-06T10:00-05:00", None)


class TestUnknownCodes:
    UNKNOWN = lookup(Decline("card_declined", "brand_new_code"))
    STEPS = steps_from_days([1, 2, 3, 4, 5])

    @pytest.mark.parametrize(("failures", "left"), [(0, 3), (1, 3), (2, 2), (3, 1), (4, 0), (5, 0)])
    def test_three_retries_counted_by_the_failures_with_that_code(self, failures, left):
        same = [failed("brand_new_code", at=FAILED_AT + days(n)) for n in range(failures)]
        facts = case(failed("generic_decline", at=FAILED_AT - days(1)), *same)

        assert tries_left(facts, custom(*self.STEPS), self.UNKNOWN, self.STEPS) == left
