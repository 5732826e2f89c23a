"""What a merchant must hear about: findings from facts, each with what to do about it.

A finding is the same one as long as its kind and key are: it is told once, until it clears.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from apps.dunning.metrics.rates import Share

AlertKind = Literal[
    "retry_success",
    "spike",
    "silent_webhooks",
    "late_attempts",
    "key_refused",
    "mail_bouncing",
    "webhook_off",
    "involuntary",
]

INVOLUNTARY_WARN, INVOLUNTARY_CRITICAL = 30, 60
"""Per cent of ended subscriptions that ended for non-payment, from two cases on.

Source: polarsource/polar, server/polar/compass/detectors/involuntary_churn.py
"""
INVOLUNTARY_FEWEST = 2

SPIKE_FEWEST = 8
"""Failures of one kind in a week below which nothing is a spike."""
SPIKE_FACTOR = 3
"""A spike is so many times what the four weeks before lead to expect."""
USUAL_VOLUME = 0.25
"""One week of four."""

LATE_AFTER = timedelta(minutes=15)
BOUNCES_FEWEST = 3
BOUNCE_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a merchant may set. `retry_success_percent` 30 is what seed guides advise to watch."""

    retry_success_percent: int = 30
    retry_success_sample: int = 20
    silent_hours: int = 24


@dataclass(frozen=True, slots=True)
class Trend:
    """How often one value of a dimension failed: in the last week, and in the four before.

    `volume` is the week's first tries against those of the four weeks before. Where everybody renews on the first of the month it is far above a quarter.
    """

    dimension: Literal["reason", "network", "country", "issuer"]
    key: str
    words: str
    week: int
    four_weeks_before: int
    volume: float = USUAL_VOLUME

    @property
    def expected(self) -> float:
        """Return how many failures the four weeks before lead to expect."""
        return self.four_weeks_before * max(self.volume, USUAL_VOLUME)


@dataclass(frozen=True, slots=True)
class EndpointOff:
    """An address of the merchant to which nothing is sent any more: its row, its host, and why."""

    id: int
    host: str
    why: str


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at. Shares: the last week's retries, and 90 days of ended subscriptions."""

    retries: Share
    involuntary: Share
    trends: Sequence[Trend] = ()
    last_event_at: datetime | None = None
    expects_events: bool = False
    late_attempts: int = 0
    key_refused_at: datetime | None = None
    mails_sent: int = 0
    mails_bounced: int = 0
    endpoints_off: Sequence[EndpointOff] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `text` says what, `todo` the next step."""

    kind: AlertKind
    key: str
    text: str
    todo: str
    critical: bool = False
    evidence: Mapping[str, object] = field(default_factory=dict, hash=False)


TITLES: Mapping[AlertKind, str] = MappingProxyType(
    {
        "retry_success": "Few retries succeed",
        "spike": "One kind of failure is rising",
        "silent_webhooks": "Stripe sends no events",
        "late_attempts": "Retries are not being made",
        "key_refused": "Stripe refuses the key",
        "mail_bouncing": "Mails come back",
        "webhook_off": "A webhook endpoint was switched off",
        "involuntary": "Many subscriptions end for non-payment",
    }
)


def findings(*, watched: Watched, thresholds: Thresholds, now: datetime) -> tuple[Finding, ...]:
    """Say what is wrong at `now`; nothing below the smallest samples."""
    return (
        *_retry_success(watched, thresholds),
        *spikes(watched.trends),
        *_silent(watched, thresholds, now),
        *_late(watched),
        *_key(watched),
        *_bounces(watched),
        *_endpoints(watched),
        *_involuntary(watched),
    )


def _retry_success(watched: Watched, thresholds: Thresholds) -> Iterator[Finding]:
    ran, paid = watched.retries.whole, watched.retries.part
    if ran < thresholds.retry_success_sample:
        return
    if paid * 100 >= thresholds.retry_success_percent * ran:
        return
    yield Finding(
        "retry_success",
        "",
        f"Of {ran} retries in the last 7 days {paid} were paid; "
        f"your threshold is {thresholds.retry_success_percent} %.",
        "Look at which reasons and hours fail, and hold the schedule against your customers' "
        "paydays.",
        evidence={"ran": ran, "paid": paid, "threshold": thresholds.retry_success_percent},
    )


def spikes(trends: Sequence[Trend]) -> Iterator[Finding]:
    """Yield what failed far more often in the week than the four before lead to expect.

    Banks are told of only where neither their whole network nor their whole country rises.
    """
    rising = [trend for trend in trends if _is_rising(trend)]
    told = {f"{trend.dimension} {trend.key}" for trend in rising}
    for trend in rising:
        network, _space, country = trend.key.partition(" ")
        if trend.dimension == "issuer" and (
            not country or told & {f"network {network}", f"country {country}"}
        ):
            continue
        todo = {
            "reason": "Open these failures and see what they have in common.",
            "network": "Ask Stripe's status page whether this network has trouble.",
            "country": "See whether one bank of this country declines everything.",
            "issuer": "Ask Stripe whether this bank has trouble; its customers may use another "
            "card.",
        }[trend.dimension]
        yield Finding(
            "spike",
            f"{trend.dimension}:{trend.key}",
            f"{trend.words}: {trend.week} failures in the last 7 days, where "
            f"{trend.expected:.0f} are usual.",
            todo,
            evidence={"week": trend.week, "usual": round(trend.expected, 1)},
        )


def _is_rising(trend: Trend) -> bool:
    return trend.week >= max(SPIKE_FEWEST, SPIKE_FACTOR * max(trend.expected, 1))


def _silent(watched: Watched, thresholds: Thresholds, now: datetime) -> Iterator[Finding]:
    if not watched.expects_events:
        return
    last = watched.last_event_at
    if last is not None and now - last <= timedelta(hours=thresholds.silent_hours):
        return
    since = "ever" if last is None else f"for {int((now - last).total_seconds() // 3600)} hours"
    yield Finding(
        "silent_webhooks",
        "",
        f"No event has arrived from Stripe {since}.",
        "Check in Stripe under Developers > Webhooks that the endpoint is enabled and answers.",
        critical=True,
        evidence={"last_event_at": last.isoformat() if last else None},
    )


def _late(watched: Watched) -> Iterator[Finding]:
    if watched.late_attempts:
        number = watched.late_attempts
        yield Finding(
            "late_attempts",
            "",
            "1 retry is due and was not made."
            if number == 1
            else f"{number} retries are due and were not made.",
            "Tell your operator: the worker or beat does not run. Nothing is lost; the retries "
            "are made when they do.",
            critical=True,
            evidence={"late": watched.late_attempts},
        )


def _key(watched: Watched) -> Iterator[Finding]:
    if watched.key_refused_at is not None:
        yield Finding(
            "key_refused",
            "",
            "Stripe refuses Recoup's key, so nothing is read and nothing is charged.",
            "Make a new restricted key in Stripe and give it to the environment.",
            critical=True,
            evidence={"at": watched.key_refused_at.isoformat()},
        )


def _bounces(watched: Watched) -> Iterator[Finding]:
    bounced, sent = watched.mails_bounced, watched.mails_sent
    if bounced < BOUNCES_FEWEST or bounced * 100 < BOUNCE_PERCENT * sent:
        return
    yield Finding(
        "mail_bouncing",
        "",
        f"{bounced} of {sent} mails in the last 7 days came back.",
        "Check your sender's domain (SPF, DKIM), and ask the customers named for another address.",
        evidence={"bounced": bounced, "sent": sent},
    )


def _endpoints(watched: Watched) -> Iterator[Finding]:
    for one in watched.endpoints_off:
        yield Finding(
            "webhook_off",
            str(one.id),
            f"Recoup sends no more events to {one.host}. {one.why}",
            "Repair the receiver, enable the endpoint, then replay what it missed.",
            evidence={"endpoint": one.host, "why": one.why},
        )


def _involuntary(watched: Watched) -> Iterator[Finding]:
    ended, unpaid = watched.involuntary.whole, watched.involuntary.part
    if unpaid < INVOLUNTARY_FEWEST or unpaid * 100 < INVOLUNTARY_WARN * ended:
        return
    critical = unpaid * 100 >= INVOLUNTARY_CRITICAL * ended
    yield Finding(
        "involuntary",
        "critical" if critical else "",
        f"{unpaid} of {ended} subscriptions that ended in the last 90 days ended for non-payment.",
        "Give customers more time before the final action, and write to them earlier.",
        critical=critical,
        evidence={"ended": ended, "unpaid": unpaid},
    )
