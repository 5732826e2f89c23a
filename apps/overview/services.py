"""Heartbeats, the rules that must never break, and what is changed on the pages of the set-up.

Heartbeats use real time: a moved business clock must not make a process look dead.
"""

import datetime as dt
import logging

from django.db import DatabaseError, close_old_connections, transaction

from apps import clock
from apps.accounts import services as accounts
from apps.accounts.models import Merchant, User
from apps.analytics.services import mark_all_days
from apps.overview.invariants import INVARIANTS
from apps.overview.models import Heartbeat, InvariantCheck, SetupNote
from apps.overview.watched import events_of
from apps.webhooks.models import DirtyObject, InboxEvent
from apps.webhooks.services import replay_events, replay_parked

logger = logging.getLogger(__name__)

EXAMPLES = 5
DAY = dt.timedelta(days=1)


def note_heartbeat(*, name: str) -> None:
    """Record that a process lives, and with it the engine; called from its timer.

    A database that is away for a moment must not end the process: it shows on /healthz anyway.
    """
    try:
        real_now = dt.datetime.now(dt.UTC)
        # First: a gap must be seen before anything says that all is well.
        accounts.note_alive(real_now=real_now, now=clock.now())
        Heartbeat.objects.update_or_create(name=name, defaults={"at": real_now})
    except DatabaseError as error:
        logger.warning("No heartbeat written for %s: %s", name, error)
    finally:
        # Timers have threads of their own; without this each would keep a pooled connection.
        close_old_connections()


def check_invariants(*, now: dt.datetime, real_now: dt.datetime) -> list[InvariantCheck]:
    """Ask every rule and keep the answers, the broken ones in the log as errors.

    `now` is business time. Nothing of the merchants' is written.
    """
    before = {one.name: one for one in InvariantCheck.objects.all()}
    checks = []
    for invariant in INVARIANTS:
        rows = invariant.broken(now)
        broken = rows.count()
        examples = list(rows.values_list(invariant.shown, flat=True)[:EXAMPLES]) if broken else []
        known = before.get(invariant.name)
        since = known.broken_since if known else None
        checks.append(
            InvariantCheck(
                name=invariant.name,
                rule=invariant.rule,
                words=invariant.words,
                broken=broken,
                examples=examples,
                checked_at=real_now,
                broken_since=(since or real_now) if broken else None,
            )
        )
        if broken:
            logger.error("%s is broken %s times: %s", invariant.name, broken, examples)
    InvariantCheck.objects.exclude(name__in=[one.name for one in checks]).delete()
    InvariantCheck.objects.bulk_create(
        checks,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["rule", "words", "broken", "examples", "checked_at", "broken_since"],
    )
    return checks


def say_looked_at(
    *, merchant: Merchant, key: str, looked: bool, user: User, now: dt.datetime
) -> None:
    """Note that somebody looked at a point of the set-up, or take that back; on record."""
    with transaction.atomic(durable=True):
        notes = SetupNote.objects.for_merchant(merchant).filter(key=key)
        if notes.exists() == looked:
            return
        if looked:
            SetupNote.objects.get_or_create(
                merchant=merchant, key=key, defaults={"said_by": user.email, "said_at": now}
            )
        else:
            notes.delete()
        accounts.record_audit(
            merchant=merchant,
            user=user,
            action="setup.said",
            subject=key,
            at=now,
            before={"done": not looked},
            after={"done": looked},
        )


def change_preferences(
    *, merchant: Merchant, time_zone: str, locale: str, user: User, now: dt.datetime
) -> int:
    """Keep a merchant's zone and locale; give how many days are counted anew for it.

    Another zone moves the borders of every day, so that all figures are counted again.
    """
    with transaction.atomic(durable=True):
        moved = accounts.save_preferences(
            merchant=merchant, time_zone=time_zone, locale=locale, user=user, now=now
        )
        return mark_all_days(merchant=merchant) if moved else 0


def replay_failed(*, merchant: Merchant, user: User, now: dt.datetime) -> tuple[int, int]:
    """Take a merchant's failed events in again, and let unreadable objects be read once more.

    Gives how many of each. Safe at any time: what they are about is read afresh.
    """
    with transaction.atomic(durable=True):
        failed = events_of(merchant).filter(status=InboxEvent.Status.QUARANTINED)
        events = replay_events(now=now, of=failed, quarantined=True)
        objects = replay_parked(which=DirtyObject.objects.filter(merchant=merchant).parked())
        if events or objects:
            accounts.record_audit(
                merchant=merchant,
                user=user,
                action="webhooks.replayed",
                at=now,
                after={"events": events, "objects": objects},
            )
    return events, objects
