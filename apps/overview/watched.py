"""Gather the facts about one merchant that alerts are found in; reads only."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from babel import Locale
from django.db.models import F, Min, Q, QuerySet, Sum

from apps.accounts.models import AuditEntry, Merchant
from apps.analytics.models import DayBreakdown, DayFigures, DayToCount
from apps.dunning.facts import Decline
from apps.dunning.metrics.alerts import EndpointOff, Thresholds, Trend, Watched
from apps.dunning.metrics.rates import Share
from apps.dunning.words import words
from apps.dunning_emails.models import Mail
from apps.integrations.queries import switched_off
from apps.overview.invariants import late_attempts
from apps.overview.models import InvariantCheck
from apps.recovery.models import Attempt
from apps.web.formats import locale_of
from apps.webhooks.models import ImportRun, InboxEvent, InboxEventQuerySet, SweepCursor

Side = Literal["reason", "network", "country", "issuer"]

WEEK = dt.timedelta(days=7)
ENDED_WITHIN = dt.timedelta(days=90)
LOOK_BACK = dt.timedelta(days=30)
"""How far back events are looked for; Stripe lists them for as long."""

MISSED_FEWEST = 2
"""Events that Stripe lists and did not send. One may be listed a moment before it arrives."""

LATE_FOR = dt.timedelta(minutes=4)
"""Real time for which attempts must be late: a clock that was just moved makes nothing late."""

MOST_BEING_COUNTED = 5
"""More days than this wait to be counted after an import, or when the time zone changed."""

FROM_FIGURES = ("retry_success", "spike", "involuntary")
"""Kinds of findings that stand on counted days."""


def is_being_counted(*, merchant: Merchant) -> bool:
    """Tell whether the counted days do not say much now: history comes in, or is counted anew."""
    if ImportRun.objects.filter(merchant=merchant).unfinished().exists():
        return True
    return DayToCount.objects.filter(merchant=merchant).count() > MOST_BEING_COUNTED


def watched(
    *, merchant: Merchant, thresholds: Thresholds, now: dt.datetime, real_now: dt.datetime
) -> Watched:
    """Gather what is looked at; about thirteen queries, however long the history."""
    today = now.astimezone(merchant.zone).date()
    last_event_at = _last_event_at(merchant, now=now)
    sent, bounced = _mails(merchant, now=now)
    return Watched(
        retries=_retries(merchant, today),
        involuntary=_involuntary(merchant, today),
        trends=tuple(trends_of(merchant, today)),
        last_event_at=last_event_at,
        expects_events=_misses_events(
            merchant, since=last_event_at, silent_hours=thresholds.silent_hours, now=now
        ),
        late_attempts=_late(merchant, now=now, real_now=real_now),
        key_refused_at=SweepCursor.objects.filter(merchant=merchant)
        .values_list("refused_at", flat=True)
        .first(),
        mails_sent=sent,
        mails_bounced=bounced,
        endpoints_off=[
            EndpointOff(one.pk, urlsplit(one.url).hostname or "", one.disabled_why)
            for one in switched_off(merchant=merchant)
        ],
    )


def events_of(merchant: Merchant) -> InboxEventQuerySet:
    """Select the events of a merchant; their own account's name no account."""
    account_id = merchant.stripe_account_id if merchant.is_connected else ""
    return InboxEvent.objects.filter(stripe_account_id=account_id, livemode=merchant.livemode)


def _retries(merchant: Merchant, today: dt.date) -> Share:
    found = DayBreakdown.objects.for_merchant(merchant).filter(
        dimension=DayBreakdown.Dimension.NUMBER, day__gt=today - WEEK, day__lte=today
    )
    sums = found.aggregate(ran=Sum("tries", default=0), paid=Sum("tries_paid", default=0))
    return Share(sums["paid"], sums["ran"], sums["ran"])


def _involuntary(merchant: Merchant, today: dt.date) -> Share:
    found = DayFigures.objects.for_merchant(merchant).filter(
        day__gt=today - ENDED_WITHIN, day__lte=today
    )
    sums = found.aggregate(ended=Sum("ended", default=0), unpaid=Sum("ended_unpaid", default=0))
    return Share(sums["unpaid"], sums["ended"], sums["ended"])


def trends_of(merchant: Merchant, today: dt.date) -> Iterator[Trend]:
    """Yield failures by side of the last week against the four before; none without those four."""
    week, before = today - WEEK, today - 5 * WEEK
    figures = DayFigures.objects.for_merchant(merchant)
    first_day = figures.aggregate(day=Min("day"))["day"]
    if first_day is None or first_day > before + dt.timedelta(days=1):
        return
    sums = figures.filter(day__gt=before, day__lte=today).aggregate(
        week=Sum("first_tries", filter=Q(day__gt=week), default=0),
        before=Sum("first_tries", filter=Q(day__lte=week), default=0),
    )
    volume = sums["week"] / sums["before"] if sums["before"] else 0.0
    rows = DayBreakdown.objects.for_merchant(merchant).filter(
        day__gt=before, day__lte=today, dimension__in=get_args(Side)
    )
    for side, key, in_week, earlier in _failures(rows, week):
        yield Trend(
            dimension=side,
            key=key,
            words=words_of(side, key, locale=locale_of(merchant.locale)),
            week=in_week,
            four_weeks_before=earlier,
            volume=volume,
        )


def _failures(
    rows: "QuerySet[DayBreakdown]", week: dt.date
) -> Iterator[tuple[Side, str, int, int]]:
    found: dict[tuple[Side, str], list[int]] = defaultdict(lambda: [0, 0])
    failed = F("recovered") + F("lost") + F("stopped") + F("open")
    for row in rows.values("dimension", "key", "day").annotate(failed=Sum(failed)):
        side = cast(Side, row["dimension"])
        found[side, row["key"]][row["day"] <= week] += row["failed"]
    for (side, key), (in_week, earlier) in sorted(found.items()):
        yield side, key, in_week, earlier


def words_of(side: str, key: str, *, locale: Locale) -> str:
    """Name a reason, a network, a country, or the banks behind a network's cards of a country."""
    if side == "reason":
        return "No charge was made" if key == "no_charge" else words(Decline(key))
    if side == "issuer":
        brand, _space, country = key.partition(" ")
        place = str(locale.territories.get(country, "")) if country else ""
        named = f"{brand.replace('_', ' ').capitalize()} cards"
        return f"{named} from banks in {place}" if place else named
    if side == "country":
        place = str(locale.territories.get(key, "")) if len(key) == 2 else ""
        return f"Customers in {place or 'an unknown country'}"
    return f"{key.replace('_', ' ').capitalize()} cards" if key != "other" else "Other methods"


def _last_event_at(merchant: Merchant, *, now: dt.datetime) -> dt.datetime | None:
    sent = events_of(merchant).filter(from_sweep=False, received_at__gt=now - LOOK_BACK)
    return sent.order_by("-received_at").values_list("received_at", flat=True).first()


def _misses_events(
    merchant: Merchant, *, since: dt.datetime | None, silent_hours: int, now: dt.datetime
) -> bool:
    """Tell whether Stripe made events that it did not send: silence alone is no trouble.

    Not in the first hours after connecting, while the endpoint is still being set up.
    """
    if now - _connected_at(merchant) < dt.timedelta(hours=silent_hours):
        return False
    missed = events_of(merchant).filter(
        from_sweep=True, received_at__gt=max(since or now - LOOK_BACK, now - LOOK_BACK)
    )
    return len(missed.values_list("pk")[:MISSED_FEWEST]) == MISSED_FEWEST


def _connected_at(merchant: Merchant) -> dt.datetime:
    entries = AuditEntry.objects.filter(merchant=merchant, action="stripe.connected")
    return entries.values_list("at", flat=True).first() or merchant.created_at


def _late(merchant: Merchant, *, now: dt.datetime, real_now: dt.datetime) -> int:
    """Count late attempts, once the rule about them was found broken some minutes ago."""
    check = InvariantCheck.objects.filter(
        name="late_attempts", broken_since__lt=real_now - LATE_FOR
    )
    if not check.exists():
        return 0
    rows = late_attempts(now).filter(case__in=merchant.cases.open())
    return int(rows.filter(status=Attempt.Status.SCHEDULED).count())


def _mails(merchant: Merchant, *, now: dt.datetime) -> tuple[int, int]:
    rows = Mail.objects.for_merchant(merchant).filter(sent_at__gt=now - WEEK)
    bounced = rows.filter(delivery=Mail.Delivery.BOUNCED).count()
    return (rows.count(), bounced) if bounced else (0, 0)
