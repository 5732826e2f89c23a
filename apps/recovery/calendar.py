"""What will be charged on which day: the next try of every open case, in the merchant's zone."""

import calendar
import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from django.db.models import Count, Sum
from django.db.models.functions import Greatest, TruncDate

from apps.accounts.models import Merchant
from apps.dunning.money import Money
from apps.recovery.extras import mail_days
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.tabs import RETRYING


@dataclass(slots=True)
class Day:
    """One day: how many tries are planned for it, their amounts, each currency apart, and mails."""

    date: dt.date
    in_month: bool = True
    is_today: bool = False
    count: int = 0
    amounts: list[Money] = field(default_factory=list)
    mails: int = 0


def planned_days(
    *, merchant: Merchant, first: dt.date, last: dt.date, now: dt.datetime
) -> dict[dt.date, Day]:
    """Return the days from `first` to `last` on which something is to be charged; one query.

    Each case counts once, on the day of its next try; what is overdue counts today. Tries after the
    next one depend on what comes of it.
    """
    zone = merchant.zone
    rows = (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(
            RETRYING,
            next_try_at__isnull=False,
            next_try_at__lt=_start_of(last + dt.timedelta(days=1), zone),
        )
        .annotate(day=TruncDate(Greatest("next_try_at", now), tzinfo=zone))
        .filter(day__gte=first, day__lte=last)
        .order_by()
        .values_list("day", "currency")
        .annotate(cases=Count("pk"), minor=Sum("amount_due_minor"))
        .order_by("day", "-cases", "currency")
    )
    days: dict[dt.date, Day] = {}
    for date, currency, cases, minor in rows:
        day = days.setdefault(date, Day(date))
        day.count += cases
        day.amounts.append(Money(minor, currency))
    return days


def month_of(
    *, merchant: Merchant, month: dt.date, week_starts: int, now: dt.datetime
) -> list[list[Day]]:
    """Return the weeks of a month, whole ones, with what is planned; `week_starts` 0 is Monday.

    Two queries.
    """
    weeks = calendar.Calendar(week_starts).monthdatescalendar(month.year, month.month)
    today = now.astimezone(merchant.zone).date()
    planned = planned_days(merchant=merchant, first=weeks[0][0], last=weeks[-1][-1], now=now)
    mails = mail_days(merchant=merchant, first=weeks[0][0], last=weeks[-1][-1], now=now)
    for week in weeks:
        for date in week:
            day = planned.setdefault(date, Day(date))
            day.mails = mails.get(date, 0)
            day.in_month, day.is_today = date.month == month.month, date == today
    return [[planned[date] for date in week] for week in weeks]


def _start_of(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=zone)
