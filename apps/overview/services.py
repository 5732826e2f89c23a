"""Heartbeats. They use real time: a moved business clock must not make a process look dead."""

import datetime as dt
import logging

from django.db import DatabaseError, close_old_connections

from apps import clock
from apps.accounts import services as accounts
from apps.overview.models import Heartbeat

logger = logging.getLogger(__name__)


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
