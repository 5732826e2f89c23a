"""How the connection to Stripe does: what it may do, and whether its events arrive in time."""

import datetime as dt
from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.overview.watched import events_of
from apps.stripe_gateway.errors import GatewayError
from apps.stripe_gateway.permissions import try_permissions
from apps.webhooks.models import DirtyObject, InboxEvent, SweepCursor

DAY = dt.timedelta(days=1)
DELAYS = 200
"""Newest events of a day whose delay is looked at."""


@dataclass(frozen=True, slots=True)
class WebhookHealth:
    """How events of one merchant arrive. Counts are of the last 24 hours, but for what waits.

    `delay` is the median time from Stripe's event to its arrival, None where none arrived;
    `missed` had to be fetched because Stripe did not deliver them.
    """

    last_at: dt.datetime | None
    delivered: int
    delay: dt.timedelta | None
    missed: int
    failed: int
    waiting: int
    parked: int
    swept_at: dt.datetime | None

    @property
    def can_replay(self) -> bool:
        return bool(self.failed or self.parked)

    @property
    def delay_seconds(self) -> int | None:
        return None if self.delay is None else max(0, round(self.delay.total_seconds()))


def webhook_health(*, merchant: Merchant, now: dt.datetime) -> WebhookHealth:
    """Look at a merchant's events; eight queries."""
    events = events_of(merchant)
    of_late = events.filter(received_at__gt=now - DAY, received_at__lte=now)
    sent = of_late.filter(from_sweep=False)
    delays = [
        received - made
        for made, received in sent.exclude(event_at=None)
        .order_by("-received_at")
        .values_list("event_at", "received_at")[:DELAYS]
        if made is not None
    ]
    last = events.filter(from_sweep=False).order_by("-received_at")
    return WebhookHealth(
        last_at=last.values_list("received_at", flat=True).first(),
        delivered=sent.count(),
        delay=sorted(delays)[len(delays) // 2] if delays else None,
        missed=of_late.filter(from_sweep=True).count(),
        failed=events.filter(status=InboxEvent.Status.QUARANTINED).count(),
        waiting=events.pending().count(),
        parked=DirtyObject.objects.filter(merchant=merchant).parked().count(),
        swept_at=SweepCursor.objects.filter(merchant=merchant)
        .values_list("swept_until", flat=True)
        .first(),
    )


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the key may do, by Stripe's own names; `error` where Stripe gave no answer."""

    tried: tuple[tuple[str, bool], ...] = ()
    error: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name, allowed in self.tried if not allowed)


def permissions_of(merchant: Merchant) -> Permissions:
    """Ask Stripe, by trying what changes nothing; one call for each name."""
    try:
        tried = try_permissions(account=merchant)
    except GatewayError as error:
        return Permissions(error=str(error))
    return Permissions(tuple(tried.items()))
