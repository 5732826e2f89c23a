import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from apps.dunning.money import Money
from apps.web.formats import (
    format_money,
    format_number,
    format_relative,
    format_when,
    shows_code,
    zone_name,
    zone_place,
)

NEW_YORK = ZoneInfo("America/New_York")
NOW = dt.datetime(2026, 11, 18, 20, 0, tzinfo=dt.UTC)  # 3 PM in New York


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (123450, "usd", "en_US", "$1,234.50"),
        (123450, "usd", "de_DE", "1.234,50\N{NO-BREAK SPACE}$"),
        (-9800, "jpy", "en_US", "\N{MINUS SIGN}¥9,800"),
        (12500, "kwd", "en_US", "KWD\N{NO-BREAK SPACE}12.500"),
        # ISK and UGX are sent times 100 and written without decimals.
        (150000, "isk", "en_US", "ISK\N{NO-BREAK SPACE}1,500"),
        (5, "eur", "nonsense", "€0.05"),
    ],
)
def test_money_is_exact_and_in_the_merchants_locale(minor, currency, locale, text):
    assert format_money(Money(minor, currency), locale=locale) == text


def test_a_code_is_not_written_twice():
    assert shows_code("kwd", locale="en_US")
    assert not shows_code("usd", locale="en_US")


def test_a_number_has_group_signs():
    assert format_number(10000, locale="en_US") == "10,000"


@pytest.mark.parametrize(
    ("at", "options", "text"),
    [
        (dt.datetime(2026, 11, 21, 21, 49, tzinfo=dt.UTC), {}, "Nov 21, 4:49 PM"),
        (
            dt.datetime(2026, 11, 21, 21, 49, tzinfo=dt.UTC),
            {"long": True, "named_zone": True},
            "Sat, Nov 21, 4:49 PM EST",
        ),
        (dt.datetime(2025, 11, 21, 21, 49, tzinfo=dt.UTC), {}, "Nov 21, 2025, 4:49 PM"),
        # New Year's Eve in New York is already next year in UTC.
        (dt.datetime(2027, 1, 1, 3, 0, tzinfo=dt.UTC), {}, "Dec 31, 10:00 PM"),
    ],
)
def test_a_moment_is_told_in_the_merchants_zone(at, options, text):
    assert format_when(at, zone=NEW_YORK, locale="en_US", now=NOW, **options) == text


@pytest.mark.parametrize(
    ("hour", "text"),
    [(5, "Nov 1, 1:30 AM EDT"), (6, "Nov 1, 1:30 AM EST")],
)
def test_the_hour_that_comes_twice_is_told_apart_by_its_zone(hour, text):
    at = dt.datetime(2026, 11, 1, hour, 30, tzinfo=dt.UTC)

    assert format_when(at, zone=NEW_YORK, locale="en_US", now=NOW, named_zone=True) == text


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (dt.timedelta(seconds=20), "now"),
        (dt.timedelta(minutes=1), "in 1 minute"),
        (dt.timedelta(minutes=-59), "59 minutes ago"),
        (dt.timedelta(hours=4), "in 4 hours"),
        # 25 hours on it is tomorrow; 33 hours on, past midnight, the day after.
        (dt.timedelta(hours=25), "in 1 day"),
        (dt.timedelta(hours=34), "in 2 days"),
        (dt.timedelta(days=-7), "7 days ago"),
    ],
)
def test_distances_count_calendar_days(distance, text):
    assert format_relative(NOW + distance, zone=NEW_YORK, now=NOW) == text


def test_a_zone_without_a_name_of_its_own_tells_its_offset():
    assert zone_name(ZoneInfo("America/Sao_Paulo"), NOW) == "UTC-03"
    assert zone_place(ZoneInfo("America/Argentina/Buenos_Aires")) == "Buenos Aires"
