"""One chart as a page shows it, and the pen that writes amounts and days for all of them."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from babel.dates import get_day_names
from babel.numbers import format_compact_currency
from django.utils.translation import gettext as _

from apps.analytics.queries.report import Report, Totals
from apps.dunning.money import Money, to_decimal
from apps.web.csv import Cell
from apps.web.formats import format_date, format_money, locale_of
from apps.web.spans import Locality

MOST_DAYS = 31
"""Longer periods are drawn by weeks."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One question with its answer: `kind` says which template draws `drawing`.

    `rows` are the table as read, `file_rows` as exact numbers.
    """

    key: str
    title: str
    subtitle: str
    kind: str
    drawing: object
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    file_head: tuple[str, ...]
    file_rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A day or a week of a period: its name, its days, and what they add up to."""

    name: str
    first: dt.date
    last: dt.date
    totals: Totals


class Pen:
    """Writes one report in the merchant's locale; `steps` are its days or weeks."""

    def __init__(self, report: Report, local: Locality, cases_url: str) -> None:
        self.report, self.local, self._cases_url = report, local, cases_url
        self.steps = list(self._steps(report.days, report.period.first))

    @property
    def step_word(self) -> str:
        return _("day") if self._step_days == 1 else _("week")

    @property
    def earlier(self) -> list[Step]:
        """Return the steps of the period before; none where nothing is compared."""
        if self.report.previous is None:
            return []
        return list(self._steps(self.report.previous_days, self.report.period.before.first))

    def money(self, minor: int) -> str:
        return format_money(Money(minor, self.report.currency), locale=self.local.locale)

    def exact(self, minor: int) -> Cell:
        """Return an amount for a file: a decimal number in whole units."""
        return to_decimal(Money(minor, self.report.currency))

    def short(self, minor: float) -> str:
        """Return an amount for an axis: "$12K"."""
        amount = to_decimal(Money(round(minor), self.report.currency))
        locale = locale_of(self.local.locale)
        return str(format_compact_currency(amount, self.report.currency.upper(), locale=locale))

    def day(self, day: dt.date) -> str:
        return format_date(
            self.local.start_of(day),
            zone=self.local.zone,
            locale=self.local.locale,
            now=self.local.now,
        )

    def weekday(self, number: int) -> str:
        """Return a weekday's short name; Monday is 0."""
        return str(get_day_names("abbreviated", locale=locale_of(self.local.locale))[number])

    def cases_of(self, step: Step) -> str:
        """Return the address of the cases that failed in a step."""
        return self.cases_by(**{"from": step.first.isoformat(), "to": step.last.isoformat()})

    def cases_by(self, **chosen: str) -> str:
        """Return the address of cases; of the whole period unless days are named."""
        period = self.report.period
        days = {"from": period.first.isoformat(), "to": period.last.isoformat()}
        return f"{self._cases_url}?{urlencode(days | chosen)}"

    @property
    def _step_days(self) -> int:
        return 1 if self.report.period.days <= MOST_DAYS else 7

    def _steps(self, days: Mapping[dt.date, Totals], start: dt.date) -> Iterator[Step]:
        end = start + dt.timedelta(days=self.report.period.days - 1)
        first = start
        while first <= end:
            last = min(end, first + dt.timedelta(days=self._step_days - 1))
            inside = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
            totals = sum((days[day] for day in inside if day in days), Totals())
            yield Step(self.day(first), first, last, totals)
            first = last + dt.timedelta(days=1)
