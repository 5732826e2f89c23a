"""Days and periods as people choose them, in the merchant's time zone."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.web.formats import format_date

PERIODS = (
    ("today", _("Today")),
    ("7", _("Last 7 days")),
    ("30", _("Last 30 days")),
    ("90", _("Last 90 days")),
    ("month", _("This month")),
)
COMING = (
    ("today", _("Today")),
    ("tomorrow", _("Tomorrow")),
    ("7", _("Next 7 days")),
)

Span = tuple[dt.datetime | None, dt.datetime | None]


@dataclass(frozen=True, slots=True)
class Locality:
    """How a merchant writes and counts: zone, locale and the present moment."""

    zone: ZoneInfo
    locale: str
    now: dt.datetime

    @property
    def today(self) -> dt.date:
        return self.now.astimezone(self.zone).date()

    def start_of(self, day: dt.date) -> dt.datetime:
        """Return the first moment of a day in the zone."""
        return dt.datetime.combine(day, dt.time(), tzinfo=self.zone)


def span_of_period(
    local: Locality, *, period: str, first: dt.date | None, last: dt.date | None
) -> Span:
    """Return the half-open times of a period in the past; own days win over a preset."""
    if first or last:
        since = local.start_of(first) if first else None
        until = local.start_of(last + dt.timedelta(days=1)) if last else None
        return since, until
    today = local.today
    starts = {"today": today, "month": today.replace(day=1)}
    if period.isdecimal():
        starts[period] = today - dt.timedelta(days=int(period) - 1)
    start = starts.get(period)
    return (local.start_of(start), None) if start else (None, None)


def span_of_coming(local: Locality, *, coming: str) -> Span:
    """Return the half-open times of a period to come."""
    today, day = local.today, dt.timedelta(days=1)
    spans = {"today": (today, today + day), "tomorrow": (today + day, today + 2 * day)}
    if coming.isdecimal():
        spans[coming] = (today, today + int(coming) * day)
    if coming not in spans:
        return None, None
    first, after = spans[coming]
    return local.start_of(first), local.start_of(after)


def period_text(
    local: Locality, *, period: str, first: dt.date | None, last: dt.date | None
) -> str:
    """Return what a date chip says: a preset's name, or the days."""
    if not first and not last:
        return str(dict(PERIODS).get(period, ""))
    days = [
        format_date(local.start_of(day), zone=local.zone, locale=local.locale, now=local.now)
        if day
        else ""
        for day in (first, last)
    ]
    if first and last:
        return f"{days[0]} \N{EN DASH} {days[1]}"
    pattern = gettext("from %(day)s") if first else gettext("until %(day)s")
    return pattern % {"day": days[0] or days[1]}
