"""Whether the installation works, as /healthz tells it."""

import datetime as dt
import os
from dataclasses import dataclass

from celery import current_app
from django.db import DatabaseError

from apps.accounts.models import Installation, Merchant
from apps.overview.models import HEARTBEAT_FRESH, Heartbeat
from apps.webhooks.models import InboxEvent

PROCESSES = ("worker", "beat")


@dataclass(frozen=True, slots=True)
class Health:
    """What works. The rest is information only: a quiet account, or one switched off, is not ill.

    `charging` is "on", "off" (by the operator), "reconciling" (after a gap or a restored backup) or
    "" where nobody can know.
    """

    parts: dict[str, bool]
    seconds_since_webhook: int | None = None
    charging: str = ""

    @property
    def failing(self) -> tuple[str, ...]:
        return tuple(name for name, works in self.parts.items() if not works)


def health(*, now: dt.datetime, business_now: dt.datetime) -> Health:
    """Look at database, broker and both heartbeats.

    Heartbeats are real time (`now`), webhooks arrive in business time.
    """
    parts = {"database": True, "broker": _broker_answers()}
    try:
        heartbeats = dict(Heartbeat.objects.values_list("name", "at"))
        last = InboxEvent.objects.order_by("-received_at").values_list("received_at", flat=True)
        received_at = last.first()
        charging = _charging()
    except DatabaseError:
        # Heartbeats live in the database: without it nothing is known about the processes.
        return Health(parts | {"database": False})
    for name in PROCESSES:
        at = heartbeats.get(name)
        parts[name] = at is not None and now - at <= HEARTBEAT_FRESH
    age = None if received_at is None else int((business_now - received_at).total_seconds())
    return Health(parts, age, charging)


def _charging() -> str:
    installation = Installation.objects.current()
    since = installation.reconcile_since
    if not installation.charging_on:
        return "off"
    return "reconciling" if since and Merchant.objects.behind(since).exists() else "on"


def _broker_answers() -> bool:
    try:
        with current_app.connection_for_write(connect_timeout=3) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_max=0, timeout=3)
            folder = (connection.transport_options or {}).get("data_folder_in")
            # kombu's file broker "connects" to nothing.
            return folder is None or os.access(folder, os.W_OK)
    except Exception:  # noqa: BLE001
        # Every transport has its own family of errors; whichever it is, the broker is away.
        return False
