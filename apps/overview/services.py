"""Heartbeats and the rules that must never break.

Heartbeats use real time: a moved business clock must not make a process look dead.
"""

import datetime as dt
import logging

from django.db import DatabaseError, close_old_connections

from apps import clock
from apps.accounts import services as accounts
from apps.overview.invariants import INVARIANTS
from apps.overview.models import Heartbeat, InvariantCheck

logger = logging.getLogger(__name__)

EXAMPLES = 5


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
