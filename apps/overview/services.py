"""Heartbeats. They use real time: a moved business clock must not make a process look dead."""

import datetime as dt
import logging

from django.db import DatabaseError, close_old_connections

from apps.overview.models import Heartbeat

logger = logging.getLogger(__name__)


def note_heartbeat(*, name: str) -> None:
    """Record that a process lives; called from its timer.

    A database that is away for a moment must not end the process: it shows on /healthz anyway.
    """
    try:
        Heartbeat.objects.update_or_create(name=name, defaults={"at": dt.datetime.now(dt.UTC)})
    except DatabaseError as error:
        logger.warning("No heartbeat written for %s: %s", name, error)
    finally:
        # Timers have threads of their own; without this each would keep a pooled connection.
        close_old_connections()
