"""Mark the days that something changed; whoever counts takes the marks."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Max, Min, QuerySet
from django.utils import timezone

from apps.accounts.models import Merchant
from apps.analytics.models import DayBreakdown, DayFigures, DayToCount
from apps.recovery.models import RecoveryCase, Try
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction


def mark_case(*, case: RecoveryCase, also: Iterable[dt.datetime | None] = ()) -> None:
    """Mark every day on which a case counts: its failure, its tries and its end.

    Called in the transaction that made the change known, or after it. `also` are other moments
    whose days changed with it.
    """
    moments = {case.failed_at, case.closed_at, *also} | set(
        Try.objects.filter(
            merchant_id=case.merchant_id, stripe_invoice_id=case.stripe_invoice_id
        ).values_list("at", flat=True)
    )
    # A case that was paid and opened again counted on the day of that payment.
    moments |= set(case.events.filter(kind="recovered").values_list("at", flat=True))
    mark_moments(merchant=case.merchant, moments=moments)


def mark_moments(*, merchant: Merchant, moments: Iterable[dt.datetime | None]) -> None:
    """Mark the days of some moments, in the merchant's zone; None is no moment.

    Nobody waits for whoever counts that day: a mark that was set again meanwhile stays, and the
    day is counted again. So no change is missed.
    """
    days = {moment.astimezone(merchant.zone).date() for moment in moments if moment is not None}
    _mark(merchant, days)


def mark_all_days(*, merchant: Merchant) -> int:
    """Mark every day there is anything to count on, or was; give back how many."""
    days = [
        moment.astimezone(merchant.zone).date()
        for rows, field in (
            (Transaction.objects.for_merchant(merchant), "at"),
            (RecoveryCase.objects.for_merchant(merchant), "failed_at"),
            (RecoveryCase.objects.for_merchant(merchant), "closed_at"),
            (Try.objects.for_merchant(merchant), "at"),
            (Subscription.objects.for_merchant(merchant), "ended_at"),
        )
        for moment in _span(rows, field)
    ]
    days += _span(DayFigures.objects.for_merchant(merchant), "day")
    days += _span(DayBreakdown.objects.for_merchant(merchant), "day")
    if not days:
        return 0
    first, last = min(days), max(days)
    every = {first + dt.timedelta(days=n) for n in range((last - first).days + 1)}
    _mark(merchant, every)
    return len(every)


def _span(rows: QuerySet[Any], field: str) -> list[Any]:
    found = rows.aggregate(first=Min(field), last=Max(field))
    return [value for value in found.values() if value is not None]


def _mark(merchant: Merchant, days: Iterable[dt.date]) -> None:
    now = timezone.now()
    # Ordered, so that two who mark the same days wait for each other and never in a circle.
    DayToCount.objects.bulk_create(
        [
            DayToCount(merchant=merchant, day=day, marked_at=now, mark=uuid.uuid4())
            for day in sorted(days)
        ],
        update_conflicts=True,
        unique_fields=["merchant", "day"],
        update_fields=["marked_at", "mark"],
        batch_size=1_000,
    )
