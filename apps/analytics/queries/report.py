"""The counted days of a period, added up for a page: three statements, whatever the history."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django.db.models import Exists, QuerySet, Sum

from apps.accounts.models import Merchant
from apps.analytics.models import DayBreakdown, DayFigures, DayToCount
from apps.dunning.metrics.rates import ENOUGH_CASES, Outcomes, Share, mean_days, median_days

OUTCOMES = (
    "recovered",
    "recovered_minor",
    "lost",
    "lost_minor",
    "stopped",
    "stopped_minor",
    "open",
    "open_minor",
)
TRIES = ("tries", "tries_paid")
FIRST_TRIES = ("first_tries", "first_tries_minor", "first_failed", "first_failed_minor")
OTHERS = ("came_back", "came_back_minor", "ended", "ended_unpaid")


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included, in the merchant's zone."""

    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """Return the period of the same length right before this one."""
        length = dt.timedelta(days=self.days)
        return Period(self.first - length, self.last - length)

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Totals:
    """What some days add up to, in one currency; shares as `metrics.rates` defines them."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    first_tries: int = 0
    first_tries_minor: int = 0
    first_failed: int = 0
    first_failed_minor: int = 0
    came_back: int = 0
    came_back_minor: int = 0
    ended: int = 0
    ended_unpaid: int = 0
    hours: tuple[int, ...] = ()

    @property
    def failure_rate(self) -> Share:
        return Share(self.first_failed_minor, self.first_tries_minor, self.first_tries)

    @property
    def failure_rate_by_count(self) -> Share:
        return Share(self.first_failed, self.first_tries, self.first_tries)

    @property
    def involuntary(self) -> Share:
        return Share(self.ended_unpaid, self.ended, self.ended)

    @property
    def median_days(self) -> float | None:
        """Return the median of days to recovery; None below ten recoveries."""
        found = median_days(self.hours) if len(self.hours) >= ENOUGH_CASES else None
        return None if found is None else float(found)

    @property
    def mean_days(self) -> float | None:
        found = mean_days(self.hours) if len(self.hours) >= ENOUGH_CASES else None
        return None if found is None else float(found)

    def __add__(self, other: "Totals") -> "Totals":
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return replace(
            self,
            outcomes=self.outcomes + other.outcomes,
            hours=tuple(sorted((*self.hours, *other.hours))),
            **numbers,
        )


_NUMBERS = (*FIRST_TRIES, *OTHERS)


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a dimension over a period: its cases, and its retries."""

    key: str
    outcomes: Outcomes
    tries: int
    tries_paid: int

    @property
    def success(self) -> Share:
        """Return retries that were paid ÷ retries that ran."""
        return Share(self.tries_paid, self.tries, self.tries)


@dataclass(frozen=True, slots=True)
class Report:
    """A period of one currency, day by day and in parts; `previous` only where it was asked for."""

    period: Period
    currency: str
    days: Mapping[dt.date, Totals]
    total: Totals
    previous: Totals | None
    previous_days: Mapping[dt.date, Totals] = field(default_factory=dict)
    parts: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)

    def by(self, dimension: str) -> tuple[Part, ...]:
        """Return the values of a dimension, most money first."""
        return self.parts.get(dimension, ())

    @property
    def retry_success(self) -> Share:
        """Return the success of all retries that ran in the period."""
        numbers = self.by(DayBreakdown.Dimension.NUMBER)
        ran, paid = sum(part.tries for part in numbers), sum(part.tries_paid for part in numbers)
        return Share(paid, ran, ran)


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose in a period: currencies, most tries and cases first; offers by name.

    `is_behind` while days wait to be counted.
    """

    currencies: tuple[str, ...]
    offers: tuple[str, ...]
    is_behind: bool = False


def choices(*, merchant: Merchant, period: Period) -> Choices:
    """Give the currencies and offers with anything to show in a period; one query."""
    rows = (
        DayFigures.objects.for_merchant(merchant)
        .filter(day__range=(period.first, period.last))
        .values("currency", "offer_name")
        .annotate(
            weight=Sum("first_tries") + Sum("recovered") + Sum("lost") + Sum("open"),
            is_behind=Exists(DayToCount.objects.filter(merchant=merchant)),
        )
        .order_by()
        .values_list("currency", "offer_name", "weight", "is_behind")
    )
    found = list(rows)
    weights: dict[str, int] = defaultdict(int)
    for currency, _offer, weight, _behind in found:
        weights[currency] += weight
    return Choices(
        currencies=tuple(sorted(weights, key=lambda one: (-weights[one], one))),
        offers=tuple(sorted({offer for _, offer, _, _ in found} - {""})),
        is_behind=any(behind for *_, behind in found),
    )


def report(
    *,
    merchant: Merchant,
    period: Period,
    currency: str,
    offer: str = "",
    compare: bool = False,
    with_parts: bool = True,
) -> Report:
    """Add up a period of one currency, of one offer or of all: two statements, one without parts."""
    first = period.before.first if compare else period.first
    here = {"currency": currency} | ({"offer_name": offer} if offer else {})
    found = _days(
        DayFigures.objects.for_merchant(merchant).filter(day__range=(first, period.last), **here)
    )
    days = {day: totals for day, totals in found.items() if day in period}
    earlier = {day: totals for day, totals in found.items() if day not in period}
    parts = DayBreakdown.objects.for_merchant(merchant).filter(
        day__range=(period.first, period.last), **here
    )
    return Report(
        period=period,
        currency=currency,
        days=days,
        total=_sum(days),
        previous=_sum(earlier) if compare else None,
        previous_days=earlier,
        parts=_parts(parts) if with_parts else {},
    )


def _days(rows: "QuerySet[DayFigures]") -> dict[dt.date, Totals]:
    """Add up each day's offers; plain lists until the end, since a year has thousands of rows."""
    names = (*OUTCOMES, *_NUMBERS)
    sums: dict[dt.date, list[int]] = {}
    hours: dict[dt.date, list[int]] = defaultdict(list)
    for day, of_day, *numbers in rows.order_by("day").values_list("day", "recovered_hours", *names):
        before = sums.get(day)
        sums[day] = [a + b for a, b in zip(before, numbers, strict=True)] if before else numbers
        hours[day] += of_day
    return {
        day: Totals(
            outcomes=Outcomes(*numbers[: len(OUTCOMES)]),
            hours=tuple(sorted(hours[day])),
            **dict(zip(_NUMBERS, numbers[len(OUTCOMES) :], strict=True)),
        )
        for day, numbers in sums.items()
    }


def _sum(days: Mapping[dt.date, Totals]) -> Totals:
    """Add up days; their hours are gathered once, not sorted anew for each."""
    hours = sorted(hour for totals in days.values() for hour in totals.hours)
    without = (replace(totals, hours=()) for totals in days.values())
    return replace(sum(without, Totals()), hours=tuple(hours))


def _parts(rows: "QuerySet[DayBreakdown]") -> dict[str, tuple[Part, ...]]:
    sums = {f"sum_{name}": Sum(name) for name in (*OUTCOMES, *TRIES)}
    found: dict[str, list[Part]] = defaultdict(list)
    added_up = rows.values("dimension", "key").annotate(**sums).order_by("dimension", "key")
    for row in cast("Iterable[dict[str, Any]]", added_up):
        found[row["dimension"]].append(
            Part(
                key=row["key"],
                outcomes=Outcomes(*(row[f"sum_{name}"] for name in OUTCOMES)),
                tries=row["sum_tries"],
                tries_paid=row["sum_tries_paid"],
            )
        )
    return {
        dimension: tuple(
            sorted(parts, key=lambda part: (-part.outcomes.failed_minor, -part.tries, part.key))
        )
        for dimension, parts in found.items()
    }
