"""Count a day: everything that counts on it, from the tables that hold the truth."""

import datetime as dt
from dataclasses import dataclass, field

from django.db import connection, transaction

from apps.accounts.models import Merchant
from apps.analytics.models import DayBreakdown, DayFigures, DayToCount
from apps.analytics.queries.days import (
    CountedCase,
    day_cases,
    day_ends,
    day_first_tries,
    day_paid,
    day_retries,
)
from apps.analytics.services.marking import mark_all_days

DAY_LOCKS = 4_178
"""Sets our advisory locks apart from any others in the database."""

LOOKED_AT = 50
"""Days looked at for one that no other worker counts; there are fewer workers than that."""

Dimension = DayBreakdown.Dimension
Place = tuple[str, str]
"""Currency and offer."""


@dataclass(slots=True)
class _Sheet:
    """The rows of one day while they are counted."""

    merchant: Merchant
    day: dt.date
    figures: dict[Place, DayFigures] = field(default_factory=dict)
    parts: dict[tuple[Place, str, str], DayBreakdown] = field(default_factory=dict)

    def row(self, place: Place) -> DayFigures:
        if place not in self.figures:
            self.figures[place] = DayFigures(
                merchant=self.merchant, day=self.day, currency=place[0], offer_name=place[1]
            )
        return self.figures[place]

    def part(self, place: Place, dimension: str, key: str) -> DayBreakdown:
        at = (place, dimension, key[:128])
        if at not in self.parts:
            self.parts[at] = DayBreakdown(
                merchant=self.merchant,
                day=self.day,
                currency=place[0],
                offer_name=place[1],
                dimension=dimension,
                key=key[:128],
            )
        return self.parts[at]


def count_days(*, limit: int = 50) -> int:
    """Count days that are marked, newest first; give back how many. Safe from two workers."""
    counted = 0
    while counted < limit and _count_next():
        counted += 1
    return counted


def count_everything_again(*, merchant: Merchant) -> int:
    """Count every day of a merchant anew; give back how many. The rows come out the same."""
    mark_all_days(merchant=merchant)
    days = 0
    while _count_next(merchant=merchant):
        days += 1
    return days


def _count_next(*, merchant: Merchant | None = None) -> bool:
    """Count one marked day; False where none is left that nobody else counts."""
    with transaction.atomic(durable=True):
        taken = _take(merchant)
        if taken is None:
            return False
        _write(_counted(merchant=taken.merchant, day=taken.day))
        # One that was set again meanwhile stays: what was counted may be of before.
        DayToCount.objects.filter(pk=taken.pk, mark=taken.mark).delete()
    return True


def _take(merchant: Merchant | None) -> DayToCount | None:
    """Find a mark whose day no other worker counts, and keep the others from it.

    Not by a lock on the row: whoever marks a day must not wait until it is counted.
    """
    marks = DayToCount.objects.select_related("merchant").order_by("-day", "id")
    if merchant is not None:
        marks = marks.filter(merchant=merchant)
    for row in marks[:LOOKED_AT]:
        if _is_ours(row) and (current := marks.filter(pk=row.pk).first()) is not None:
            return current
    return None


def _is_ours(row: DayToCount) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))",
            [DAY_LOCKS, f"{row.merchant_id}:{row.day}"],
        )
        return bool(cursor.fetchone()[0])


def _counted(*, merchant: Merchant, day: dt.date) -> _Sheet:
    sheet = _Sheet(merchant, day)
    for tried in day_first_tries(merchant=merchant, day=day):
        row = sheet.row((tried.currency, tried.offer))
        row.first_tries, row.first_tries_minor = tried.number, tried.minor
        row.first_failed, row.first_failed_minor = tried.failed, tried.failed_minor
    for case in day_cases(merchant=merchant, day=day):
        _count_case(sheet, case)
    for paid in day_paid(merchant=merchant, day=day):
        row = sheet.row((paid.currency, paid.offer))
        row.came_back += 1
        row.came_back_minor += paid.minor
    for end in day_ends(merchant=merchant, day=day):
        row = sheet.row((end.currency, end.offer))
        row.ended += 1
        row.ended_unpaid += end.for_nonpayment
    for retry in day_retries(merchant=merchant, day=day):
        for dimension, key in retry.keys.items():
            part = sheet.part((retry.currency, retry.offer), dimension, key)
            part.tries += 1
            part.tries_paid += retry.paid
    return sheet


def _count_case(sheet: _Sheet, case: CountedCase) -> None:
    place = (case.currency, case.offer)
    rows: list[DayFigures | DayBreakdown] = [sheet.row(place)]
    rows += [sheet.part(place, dimension, key) for dimension, key in case.keys.items()]
    for row in rows:
        setattr(row, case.status, getattr(row, case.status) + 1)
        total = f"{case.status}_minor"
        setattr(row, total, getattr(row, total) + case.minor)
    if case.hours is not None:
        sheet.row(place).recovered_hours.append(case.hours)


def _write(sheet: _Sheet) -> None:
    here = {"merchant": sheet.merchant, "day": sheet.day}
    DayFigures.objects.filter(**here).delete()
    DayBreakdown.objects.filter(**here).delete()
    for row in sheet.figures.values():
        row.recovered_hours.sort()
    DayFigures.objects.bulk_create(sheet.figures[place] for place in sorted(sheet.figures))
    DayBreakdown.objects.bulk_create(sheet.parts[at] for at in sorted(sheet.parts))
