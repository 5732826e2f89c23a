"""Fan case events out, at least once: each consumer may see an event twice."""

import datetime as dt
import logging
from collections.abc import Sequence

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

    What waits of one case is one transaction, so that its rows are derived once. Where that fails
    each event goes alone, so that a failing one holds up no other. Two workers at once share the
    work: a row locked by one is skipped by the other.
    """
    waiting = (
        CaseEvent.objects.undelivered()
        .filter(delivery_tries__lt=MOST_TRIES)
        .order_by("delivery_tries", "id")
        .values_list("case_id", "pk")[:limit]
    )
    by_case: dict[int, list[int]] = {}
    for case_id, event_id in waiting:
        by_case.setdefault(case_id, []).append(event_id)
    delivered = sum(_deliver_together(event_ids, now=now) for event_ids in by_case.values())
    return delivered + tell_access_changes(now=now, limit=limit)


def _deliver_together(event_ids: Sequence[int], *, now: dt.datetime) -> int:
    if len(event_ids) > 1:
        try:
            return hand_out(event_ids=event_ids, now=now)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            logger.info("Events go one by one: %s", redact(repr(error)))
    return sum(deliver_one(event_id=event_id, now=now) for event_id in event_ids)


def deliver_one(*, event_id: int, now: dt.datetime) -> bool:
    """Hand one event to everybody who reacts to it; False if it was taken or failed."""
    try:
        return bool(hand_out(event_ids=[event_id], now=now))
    except Exception as error:
        # Whatever it is, the event stays in the outbox and the others go on.
        logger.exception("Case event %s could not be delivered", event_id)
        CaseEvent.objects.filter(pk=event_id).update(
            delivery_tries=F("delivery_tries") + 1, delivery_error=redact(repr(error))[:500]
        )
        return False


def hand_out(*, event_ids: Sequence[int], now: dt.datetime) -> int:
    """Hand events of one case to everybody who reacts, in one transaction; give how many.

    Those that another worker holds or has delivered are left out.
    """
    with transaction.atomic():
        events = list(
            CaseEvent.objects.undelivered()
            .filter(pk__in=event_ids)
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("case__merchant")
            .order_by("id")
        )
        if not events:
            return 0
        case = events[0].case
        for event in events:
            event.case = case
            customer_payments.react_to(event=event, now=now)
            case = event.case
        for event in events:
            event.case = case
        dunning_emails.react_to(events=events, now=now)
        for event in events:
            integrations.tell_case_event(event=event, now=now)
        subscriptions.apply_case(case=case)
        transactions.apply_case(case=case)
        analytics.mark_case(case=case)
        CaseEvent.objects.filter(pk__in=[one.pk for one in events]).update(delivered_at=now)
    return len(events)


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
