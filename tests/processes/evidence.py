"""What a failed test with processes shows: the rows as they stood, and the logs without the beat."""

import json
import re
from collections.abc import Iterable

from django.db.models import Model

from apps.accounts.models import Installation
from apps.overview.models import Heartbeat
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.webhooks.models import DirtyObject, InboxEvent

SHOWN = 12_000

# Said many times a second while all is well; the last lines are shown as they are.
ROUTINE = re.compile(r"Sending due task|Task \S+ (received|succeeded)")
CHARGING = re.compile(r"recovery\.(run_attempt|carry_out)")
LAST_LINES = 12

SILENT = {"key", "rules", "seen", "body", "hint", "request"}


def worth_reading(log: str) -> str:
    """Give the end of a log without its routine, which is only counted."""
    lines = log.splitlines()
    end = len(lines) - LAST_LINES
    told = [
        line
        for number, line in enumerate(lines)
        if number >= end or not ROUTINE.search(line) or CHARGING.search(line)
    ]
    left_out = len(lines) - len(told)
    head = [f"({left_out} lines of routine are left out)"] if left_out else []
    return "\n".join([*head, "\n".join(told)[-SHOWN:]])


def rows() -> str:
    """Give everything that decides what happens next, a row a line."""
    waiting = InboxEvent.objects.exclude(status=InboxEvent.Status.DONE)
    parts: list[Iterable[Model]] = [
        Installation.objects.all(),
        Heartbeat.objects.all(),
        RecoveryCase.objects.order_by("id"),
        Attempt.objects.order_by("id"),
        CaseEvent.objects.order_by("id"),
        DirtyObject.objects.order_by("id"),
        waiting.order_by("id"),
    ]
    return "\n".join(_line(row) for part in parts for row in part)


def _line(row: Model) -> str:
    shown = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if field.attname not in SILENT
    }
    told = {name: value for name, value in shown.items() if value not in (None, "", [], {})}
    return f"{type(row).__name__} {json.dumps(told, default=str)}"[:1_000]
