"""Fan case events out, at least once: each consumer may see an event twice."""

import datetime as dt
import logging

from django.db import transaction
from django.db.models import F

from apps.analytics import services as analytics
from apps.customer_payments import services as customer_payments
from apps.customer_payments.models import AccessEvent
from apps.dunning_emails import services as dunning_emails
from apps.integrations import services as integrations
from apps.integrations.models import EventKind
from apps.logs import redact
from apps.recovery.models import CaseEvent
from apps.subscriptions import services as subscriptions
from apps.transactions import services as transactions

logger = logging.getLogger(__name__)

ACCESS_KINDS = {
    "granted": EventKind.ACCESS_GRANTED,
    "kept": EventKind.ACCESS_GRANTED,
    "banner": EventKind.ACCESS_LIMITED,
    "limited": EventKind.ACCESS_LIMITED,
    "revoked": EventKind.ACCESS_REVOKED,
}

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
    delivered = sum(deliver_one(event_id=event_id, now=now) for event_id in list(waiting))
    return delivered + tell_access_changes(now=now, limit=limit)


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
            integrations.tell_case_event(event=event, now=now)
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


def tell_access_changes(*, now: dt.datetime, limit: int = 500) -> int:
    """Hand changes of access on to the merchants' endpoints, each once; give back how many."""
    with transaction.atomic():
        changes = list(
            AccessEvent.objects.filter(told_at=None)
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("access__merchant")
            .order_by("id")[:limit]
        )
        for change in changes:
            access = change.access
            integrations.tell(
                merchant=access.merchant,
                source=f"access:{change.pk}",
                kind=ACCESS_KINDS[change.state],
                at=change.at,
                data={
                    "customer": access.stripe_customer_id,
                    "offer": access.stripe_product_id,
                    "subscription": access.stripe_subscription_id,
                    "case": change.case_id,
                    "state": change.state,
                    "before": change.before,
                    "allowed": change.state != "revoked",
                    "auto": change.actor == "Recoup",
                    "triggers_automations": change.triggers_automations,
                },
                now=now,
            )
        AccessEvent.objects.filter(pk__in=[change.pk for change in changes]).update(told_at=now)
    return len(changes)
