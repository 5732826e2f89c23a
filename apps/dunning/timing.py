"""Local wall time and paydays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BIWEEKLY_FRIDAY = date(2026, 1, 9)
"""A Friday from which every second Friday counts as a payday.

Which of the two weeks an employer pays in is not known; this choice only has to stay the same.
"""

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_CLOSED_EVERYWHERE = ((1, 1), (12, 25), (12, 26))
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Payday:
    """A day on which many people are paid, and what it is called."""

    day: date
    name: str


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA time zone of that name; UTC for a name that is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when a wall clock in `zone` shows `at` on `day`, in UTC.

    A time the clock skips answers the first minute after the gap, a time it shows twice the first.
    """
    wall = datetime.combine(day, at.replace(second=0, microsecond=0, tzinfo=None))
    while True:
        instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == wall:
            return instant
        wall += _MINUTE


def wall_time(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what a wall clock in `zone` shows, without a zone: for calendar arithmetic only."""
    return instant.astimezone(zone).replace(tzinfo=None)


def next_at(earliest: datetime, at: time, zone: ZoneInfo) -> datetime:
    """Return the first moment from `earliest` on when a wall clock in `zone` shows `at`, in UTC."""
    day = wall_time(earliest, zone).date()
    while (found := moment(day, at, zone)) < earliest:
        day += _DAY
    return found


def payday_on(day: date) -> Payday | None:
    """Return the payday that falls on a day: 1st, 15th, last business day, every second Friday."""
    if day.day in (1, 15):
        return Payday(day, "the 1st" if day.day == 1 else "the 15th")
    if day == last_business_day(day.year, day.month):
        return Payday(day, "the month's last business day")
    if (day - BIWEEKLY_FRIDAY).days % 14 == 0:
        return Payday(day, "every second Friday")
    return None


def paydays_near(day: date, *, within_days: int) -> Iterator[Payday]:
    """Yield the paydays at most so many days away: nearest first, of two the later first.

    None for 0 days: nothing is to be moved.
    """
    if within_days == 0:
        return
    for distance in range(within_days + 1):
        for candidate in dict.fromkeys((day + distance * _DAY, day - distance * _DAY)):
            payday = payday_on(candidate)
            if payday:
                yield payday


def last_business_day(year: int, month: int) -> date:
    """Return the month's last day from Monday to Friday; public holidays are not known."""
    first_of_next = date(year + month // 12, month % 12 + 1, 1)
    last = first_of_next - _DAY
    return last - max(0, last.weekday() - 4) * _DAY


def is_business_day(day: date) -> bool:
    """Say whether banks collect on a day: Monday to Friday, but not at Christmas and New Year.

    Other public holidays differ by country and are not known; banks then collect a day later.
    """
    return day.weekday() < 5 and (day.month, day.day) not in _CLOSED_EVERYWHERE


def business_day_from(day: date) -> date:
    """Return the first business day from a day on."""
    while not is_business_day(day):
        day += _DAY
    return day


def spoken(instant: datetime, zone: ZoneInfo) -> str:
    """Return a moment for a sentence: "Fri the 15th, 10:00"."""
    wall = wall_time(instant, zone)
    suffix = (
        "th" if wall.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(wall.day % 10, "th")
    )
    return f"{_WEEKDAYS[wall.weekday()]} the {wall.day}{suffix}, {wall:%H:%M}"
