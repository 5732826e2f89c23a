"""Fan case events out, at least once: each consumer may see an event twice."""

import datetime as dt
import logging

from django.db import transaction
from django.db.models import F

from apps.analytics import services as analytics
from apps.customer_payments import services as customer_payments
from apps.dunning_emails import services as dunning_emails
from apps.logs import redact
from apps.recovery.models import CaseEvent
from apps.subscriptions import services as subscriptions
from apps.transactions import services as transactions

logger = logging.getLogger(__name__)

MOST_TRIES = 20
"""After so many failures an event waits for a person; its error stays on the row."""


def deliver(*, now: dt.datetime, limit: int = 500) -> int:
    """Deliver waiting case events, oldest first; give back how many went out.

    Each event is one transaction, and a failing one holds up no other. Two workers at once share
    the work: a row locked by one is skipped by the other.
    """
    waiting = (
        CaseEvent.objects.undelivered()
        .filter(delivery_tries__lt=MOST_TRIES)
        .order_by("delivery_tries", "id")
        .values_list("pk", flat=True)[:limit]
    )
    return sum(deliver_one(event_id=event_id, now=now) for event_id in list(waiting))


def deliver_one(*, event_id: int, now: dt.datetime) -> bool:
    """Hand one event to everybody who reacts to it; False if it was taken or failed."""
    try:
        with transaction.atomic():
            event = (
                CaseEvent.objects.undelivered()
                .filter(pk=event_id)
                .select_for_update(of=("self",), skip_locked=True)
                .select_related("case__merchant")
                .first()
            )
            if event is None:
                return False
            customer_payments.react_to(event=event, now=now)
            dunning_emails.react_to(event=event, now=now)
            subscriptions.apply_case(case=event.case)
            transactions.apply_case(case=event.case)
            analytics.mark_case(case=event.case)
            event.delivered_at = now
            event.save(update_fields=["delivered_at"])
    except Exception as error:
        # Whatever it is, the event stays in the outbox and the others go on.
        logger.exception("Case event %s could not be delivered", event_id)
        CaseEvent.objects.filter(pk=event_id).update(
            delivery_tries=F("delivery_tries") + 1, delivery_error=redact(repr(error))[:500]
        )
        return False
    return True
