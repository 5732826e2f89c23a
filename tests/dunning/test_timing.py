from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.timing import (
    last_business_day,
    moment,
    next_at,
    payday_on,
    paydays_near,
    spoken,
    wall_time,
    zone_of,
)

START = datetime(2020, 1, 1, tzinfo=UTC)
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


def local(day, at, zone):
    return moment(day, at, ZoneInfo(zone)).astimezone(ZoneInfo(zone)).isoformat()


@pytest.mark.parametrize(
    ("zone", "day", "at", "shown"),
    [
        ("America/New_York", date(2026, 3, 8), time(2, 30), "2026-03-08T03:00:00-04:00"),
        ("America/New_York", date(2026, 11, 1), time(1, 30), "2026-11-01T01:30:00-04:00"),
        ("America/New_York", date(2026, 3, 8), time(10), "2026-03-08T10:00:00-04:00"),
        ("America/New_York", date(2026, 11, 1), time(10), "2026-11-01T10:00:00-05:00"),
        ("Europe/Berlin", date(2026, 3, 29), time(2, 15), "2026-03-29T03:00:00+02:00"),
        ("Europe/Berlin", date(2026, 10, 25), time(2, 15), "2026-10-25T02:15:00+02:00"),
        ("Europe/London", date(2026, 3, 29), time(1, 59), "2026-03-29T02:00:00+01:00"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 10), "2026-10-04T02:30:00+11:00"),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), "2026-04-05T01:45:00+11:00"),
        ("America/Havana", date(2026, 3, 8), time(0, 1), "2026-03-08T01:00:00-04:00"),
        ("Pacific/Apia", date(2011, 12, 30), time(10), "2011-12-31T00:00:00+14:00"),
        ("Asia/Kolkata", date(2028, 2, 29), time(10), "2028-02-29T10:00:00+05:30"),
    ],
)
def test_wall_time_across_clock_changes(zone, day, at, shown):
    assert local(day, at, zone) == shown


@given(
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(ZONES),
)
def test_moment_shows_the_time_asked_for_or_the_first_after_a_gap(day, at, zone):
    wanted = datetime.combine(day, at)
    shown = wall_time(moment(day, at, ZoneInfo(zone)), ZoneInfo(zone))

    assert timedelta(0) <= shown - wanted <= timedelta(hours=1)


@given(
    st.integers(0, 15 * 366 * 86400).map(lambda seconds: START + timedelta(seconds=seconds)),
    st.times(),
    st.sampled_from(ZONES),
)
def test_next_at_is_within_a_day(earliest, at, zone):
    found = next_at(earliest, at, ZoneInfo(zone))

    assert earliest <= found <= earliest + timedelta(hours=25)


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 11, 1), "the 1st"),
        (date(2026, 11, 15), "the 15th"),
        (date(2026, 11, 30), "the month's last business day"),
        (date(2026, 10, 30), "the month's last business day"),
        (date(2026, 2, 27), "the month's last business day"),
        (date(2028, 2, 29), "the month's last business day"),
        (date(2026, 1, 9), "every second Friday"),
        (date(2026, 1, 23), "every second Friday"),
        (date(2025, 12, 26), "every second Friday"),
        (date(2026, 1, 16), None),
        (date(2026, 11, 10), None),
    ],
)
def test_paydays(day, name):
    payday = payday_on(day)

    assert (payday.name if payday else None) == name


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(2026, 1, 30), (2026, 2, 27), (2026, 5, 29), (2028, 2, 29), (2026, 12, 31), (2022, 12, 30)],
)
def test_last_business_day(year, month, day):
    assert last_business_day(year, month) == date(year, month, day)


def test_the_nearest_payday_comes_first_and_the_later_of_two():
    near = [payday.day.day for payday in paydays_near(date(2026, 11, 14), within_days=2)]

    assert near == [15, 13]


def test_the_later_of_two_equally_near_paydays_comes_first():
    near = [payday.day for payday in paydays_near(date(2026, 11, 14), within_days=1)]

    assert near == [date(2026, 11, 15), date(2026, 11, 13)]


def test_a_name_that_is_no_zone_is_utc():
    assert zone_of("Mars/Olympus").key == zone_of("").key == zone_of("../etc").key == "UTC"
    assert zone_of("Asia/Tokyo").key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("day", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (13, "13th"), (22, "22nd"), (30, "30th")],
)
def test_spoken(day, text):
    said = spoken(datetime(2026, 11, day, 15, 5, tzinfo=UTC), ZoneInfo("America/Bogota"))

    assert said.endswith(f" the {text}, 10:05")
    assert said[:3] == f"{date(2026, 11, day):%a}"
