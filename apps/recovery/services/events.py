"""Append case events: the timeline, the audit trail and the outbox in one row."""

import datetime as dt
import logging

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from apps.recovery.models import CaseEvent, RecoveryCase

logger = logging.getLogger(__name__)


def append_event(
    *,
    case: RecoveryCase,
    kind: CaseEvent.Kind,
    key: str,
    at: dt.datetime,
    text: str,
    data: dict[str, object] | None = None,
    actor: str = "Recoup",
) -> CaseEvent | None:
    """Append one fact to a case inside the caller's transaction; None if it is there already.

    `key` names the fact within the case ("try:ch_1"), so that a repeat adds nothing. The caller
    holds the case's row lock. Reactions are woken after the commit.
    """
    event, created = CaseEvent.objects.get_or_create(
        case=case,
        key=key,
        defaults={
            "merchant_id": case.merchant_id,
            "kind": kind,
            "at": at,
            "actor": actor,
            "text": text[:500],
            "data": data or {},
            "is_silent": case.source == RecoveryCase.Source.IMPORT,
        },
    )
    if not created:
        return None
    # Nobody reacts to a silent event; the sweep lets it show on the rows.
    if not event.is_silent and not any(
        entry[1] is wake_reactions for entry in connection.run_on_commit
    ):
        transaction.on_commit(wake_reactions)
    return event


def wake_reactions() -> None:
    """Ask a worker to fan out new events now; beat's sweep does it anyway a little later.

    By name, since reactions stand on a higher floor.
    """
    try:
        current_app.send_task("reactions.deliver", retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker is not reachable; the sweep will deliver the events.")
