"""Send what is due, once at a time; try again for three days; give up; let a person replay it."""

import datetime as dt
import json
import uuid
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.integrations.models import Delivery, EventKind, OutgoingEvent, WebhookEndpoint
from apps.integrations.sending import Answer, post
from apps.integrations.services.endpoints import NotNow, secrets_of, switch_off
from apps.integrations.services.outgoing import payload_of, queue

WAITS = tuple(
    dt.timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Waits after each failed try: ten tries within about three days.

Source: https://github.com/standard-webhooks/standard-webhooks, section on retries
"""

LEASE = dt.timedelta(seconds=60)
"""Real time; longer than one sending takes."""

FAILING_FOR = dt.timedelta(days=3)
"""An endpoint that took nothing for so long, until a delivery ran out of tries, is disabled."""

FORGET_AFTER = dt.timedelta(days=60)

KEPT = 20
"""Lines of a delivery's log."""

AT_ONCE_PER_ENDPOINT = 10
GONE = 410

Status = Delivery.Status


def due_deliveries(*, now: dt.datetime, limit: int = 200) -> list[int]:
    """Give the ids of what is due, longest due first; a flood at one endpoint holds up no other."""
    waiting = (
        Delivery.objects.due(now=now)
        .filter(Q(lease_until=None) | Q(lease_until__lte=timezone.now()))
        .order_by("next_at", "id")
        .values_list("pk", "endpoint_id")[: limit * 5]
    )
    return list(_fair(list(waiting)))[:limit]


def send_delivery(*, delivery_id: int, now: dt.datetime) -> bool:
    """Send one delivery, unless another worker has it; True if the receiver took it.

    At least once: a receiver knows an event it got before by its `webhook-id`.
    """
    mine = Delivery.objects.due(now=now).filter(
        Q(lease_until=None) | Q(lease_until__lte=timezone.now()), pk=delivery_id
    )
    if not mine.update(lease_until=timezone.now() + LEASE):
        return False
    delivery = Delivery.objects.select_related("endpoint", "event").get(pk=delivery_id)
    # No transaction is open here: a slow receiver must not hold a lock.
    body, headers = signed(endpoint=delivery.endpoint, event=delivery.event)
    answer = post(url=delivery.endpoint.url, body=body, headers=headers)
    _record(delivery_id=delivery_id, answer=answer, now=now)
    return answer.is_ok


def signed(*, endpoint: WebhookEndpoint, event: OutgoingEvent) -> tuple[bytes, dict[str, str]]:
    """Give body and headers of an event, signed by the standard with every secret that holds.

    The moment is real time: receivers compare it with their own clocks.

    Source: https://github.com/standard-webhooks/standard-webhooks
    """
    body = json.dumps(event.payload, separators=(",", ":"), sort_keys=True)
    at = timezone.now()
    signatures = [
        Webhook(secret).sign(msg_id=str(event.pk), timestamp=at, data=body)
        for secret in secrets_of(endpoint)
    ]
    return body.encode(), {
        "Content-Type": "application/json",
        "User-Agent": "Recoup-Webhooks/1",
        "webhook-id": str(event.pk),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def replay(*, merchant: Merchant, delivery_id: int, user: User, now: dt.datetime) -> None:
    """Send a delivery again, with the same event and id.

    Raises:
        NotNow: it waits to be sent already, or its endpoint is disabled.
        Delivery.DoesNotExist: this merchant has no such delivery.
    """
    with transaction.atomic(durable=True):
        delivery = (
            Delivery.objects.for_merchant(merchant)
            .select_for_update(of=("self",))
            .select_related("endpoint")
            .get(pk=delivery_id)
        )
        if delivery.status == Status.PENDING:
            raise NotNow("It waits to be sent already.")
        if delivery.endpoint.disabled_at is not None:
            raise NotNow("The endpoint is disabled. Enable it first.")
        delivery.status, delivery.settled_at = Status.PENDING, None
        delivery.tries, delivery.next_at, delivery.lease_until = 0, now, None
        delivery.save()
        record_audit(
            merchant=merchant,
            user=user,
            action="webhook_delivery.replay",
            at=now,
            subject=str(delivery.event_id),
        )


def send_test(*, merchant: Merchant, endpoint_id: int, user: User, now: dt.datetime) -> Delivery:
    """Put a test event on its way to one endpoint.

    Raises:
        NotNow: the endpoint is disabled.
        WebhookEndpoint.DoesNotExist: this merchant has no such endpoint.
    """
    endpoint = WebhookEndpoint.objects.for_merchant(merchant).get(pk=endpoint_id)
    if endpoint.disabled_at is not None:
        raise NotNow("The endpoint is disabled. Enable it first.")
    with transaction.atomic(durable=True):
        event = OutgoingEvent(
            merchant=merchant, source=f"test:{uuid.uuid4()}", kind=EventKind.TEST, at=now
        )
        event.payload = payload_of(event=event, data={"sent_by": "Recoup"})
        event.save()
        queue(event=event, endpoints=[endpoint], now=now)
        record_audit(
            merchant=merchant,
            user=user,
            action="webhook_endpoint.test",
            at=now,
            subject=endpoint.url[:255],
        )
    return Delivery.objects.get(event=event, endpoint=endpoint)


def _record(*, delivery_id: int, answer: Answer, now: dt.datetime) -> None:
    with transaction.atomic(durable=True):
        endpoint_id = Delivery.objects.values_list("endpoint_id", flat=True).get(pk=delivery_id)
        endpoint = (
            WebhookEndpoint.objects.select_for_update(of=("self",))
            .select_related("merchant")
            .get(pk=endpoint_id)
        )
        delivery = Delivery.objects.select_for_update().get(pk=delivery_id)
        delivery.tries += 1
        delivery.lease_until = None
        line = {
            "at": now.isoformat(),
            "status": answer.status,
            "ms": answer.milliseconds,
            "error": answer.error,
        }
        delivery.log = [*delivery.log, line][-KEPT:]
        if delivery.status == Status.PENDING:  # else the endpoint was disabled meanwhile
            _settle(delivery=delivery, answer=answer, now=now)
        delivery.save()
        _note_health(endpoint=endpoint, delivery=delivery, answer=answer, now=now)


def _settle(*, delivery: Delivery, answer: Answer, now: dt.datetime) -> None:
    if answer.is_ok:
        delivery.status, delivery.settled_at = Status.DELIVERED, now
    elif delivery.tries > len(WAITS):
        delivery.status, delivery.settled_at = Status.FAILED, now
    else:
        delivery.next_at = now + WAITS[delivery.tries - 1]


def _note_health(
    *, endpoint: WebhookEndpoint, delivery: Delivery, answer: Answer, now: dt.datetime
) -> None:
    """Switch an endpoint off that is gone, or took nothing while a delivery ran out of tries."""
    if endpoint.disabled_at is not None:
        return
    if answer.is_ok:
        if endpoint.failing_since is not None:
            endpoint.failing_since = None
            endpoint.save(update_fields=["failing_since"])
        return
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        endpoint.save(update_fields=["failing_since"])
    ran_out = delivery.status == Status.FAILED and now - endpoint.failing_since >= FAILING_FOR
    if answer.status == GONE or ran_out:
        why = "The server says that the address is gone (410)."
        if answer.status != GONE:
            why = f"Nothing arrived for days. Last: {answer.error}"
        switch_off(endpoint, by="Recoup", why=why, now=now)
        record_audit(
            merchant=endpoint.merchant,
            user=None,
            action="webhook_endpoint.disable",
            at=now,
            subject=endpoint.url[:255],
            after={"why": why},
        )


def _fair(waiting: list[tuple[int, int]]) -> Iterator[int]:
    counts: dict[int, int] = {}
    for delivery_id, endpoint_id in waiting:
        counts[endpoint_id] = counts.get(endpoint_id, 0) + 1
        if counts[endpoint_id] <= AT_ONCE_PER_ENDPOINT:
            yield delivery_id


def forget(*, now: dt.datetime) -> int:
    """Delete deliveries settled, and events told, more than 60 days ago; give how many events."""
    before = now - FORGET_AFTER
    Delivery.objects.filter(settled_at__lt=before).delete()
    old = OutgoingEvent.objects.filter(at__lt=before).filter(
        ~Exists(Delivery.objects.filter(event=OuterRef("pk")))
    )
    return old.delete()[0]
