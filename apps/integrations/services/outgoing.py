"""Turn what happened into events that receivers see. No card data, no names, no addresses."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

from apps.accounts.models import Merchant
from apps.integrations.models import Delivery, EventKind, OutgoingEvent, WebhookEndpoint
from apps.recovery.models import CaseEvent, RecoveryCase, Try

VERSION = 1
"""Of the payload; raised only when something that receivers read is taken away or changed."""

Kind = CaseEvent.Kind

KINDS: Mapping[str, EventKind] = MappingProxyType(
    {
        Kind.OPENED: EventKind.PAYMENT_FAILED,
        Kind.TRY_FAILED: EventKind.PAYMENT_FAILED,
        Kind.PLANNED: EventKind.RETRY_SCHEDULED,
        Kind.SKIPPED: EventKind.RETRY_SKIPPED,
        Kind.WAITING: EventKind.ACTION_REQUIRED,
        Kind.RECOVERED: EventKind.PAYMENT_RECOVERED,
        Kind.LOST: EventKind.RECOVERY_EXHAUSTED,
        Kind.METHOD_CHANGED: EventKind.CARD_UPDATED,
    }
)
"""Changes of access are told by `tell`, since some have no case."""

_DETAILS = ("attempt", "code", "due_at", "what", "until", "amount_minor", "end_reason", "charge")
"""What of a case event goes out, where it is there: numbers, moments and Stripe's codes."""


def tell_case_event(*, event: CaseEvent, now: dt.datetime) -> int:
    """Put a case event on its way to the merchant's endpoints; give to how many.

    Silent events never go out. Telling twice adds nothing. The caller holds a transaction.
    """
    kind = KINDS.get(event.kind)
    if event.is_silent or kind is None:
        return 0
    endpoints = _endpoints(event.merchant_id, kind)
    if not endpoints or not _is_worth_telling(event):
        return 0
    case = event.case
    data = case_data(case) | {
        name: value
        for name in _DETAILS
        if (value := event.data.get(name)) is not None and isinstance(value, str | int)
    }
    return _put(
        merchant=case.merchant,
        endpoints=endpoints,
        source=f"case:{event.pk}",
        kind=kind,
        at=event.at,
        data=data,
        now=now,
    )


def tell(
    *,
    merchant: Merchant,
    source: str,
    kind: EventKind,
    at: dt.datetime,
    data: Mapping[str, object],
    now: dt.datetime,
) -> int:
    """Put any other event on its way; `source` makes it one. The caller holds a transaction."""
    return _put(
        merchant=merchant,
        endpoints=_endpoints(merchant.pk, kind),
        source=source,
        kind=kind,
        at=at,
        data=data,
        now=now,
    )


def case_data(case: RecoveryCase) -> dict[str, object]:
    """Give what every event of a case says. Amounts are in the currency's smallest unit."""
    return {
        "case": case.pk,
        "invoice": case.stripe_invoice_id,
        "customer": case.stripe_customer_id,
        "subscription": case.stripe_subscription_id,
        "offer": case.stripe_product_id,
        "kind": case.kind,
        "status": case.status,
        "amount_due_minor": case.amount_due_minor,
        "currency": case.currency,
        "failed_at": case.failed_at.isoformat(),
    }


def payload_of(*, event: OutgoingEvent, data: Mapping[str, object]) -> dict[str, object]:
    """Give the body as receivers read it, by the shape of Standard Webhooks."""
    return {
        "id": str(event.pk),
        "type": event.kind,
        "version": VERSION,
        "timestamp": event.at.isoformat(),
        "livemode": event.merchant.livemode,
        "data": dict(data),
    }


def queue(
    *, event: OutgoingEvent, endpoints: list[WebhookEndpoint], now: dt.datetime
) -> list[Delivery]:
    """Put an event on its way to endpoints, once each."""
    rows = [
        Delivery(endpoint=endpoint, event=event, next_at=now, created_at=now)
        for endpoint in endpoints
    ]
    return Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def _put(
    *,
    merchant: Merchant,
    endpoints: list[WebhookEndpoint],
    source: str,
    kind: EventKind,
    at: dt.datetime,
    data: Mapping[str, object],
    now: dt.datetime,
) -> int:
    if not endpoints:
        return 0
    event, created = OutgoingEvent.objects.get_or_create(
        merchant=merchant, source=source, defaults={"kind": kind, "payload": {}, "at": at}
    )
    if created:
        event.payload = payload_of(event=event, data=data)
        event.save(update_fields=["payload"])
        queue(event=event, endpoints=endpoints, now=now)
    return len(endpoints) if created else 0


def _endpoints(merchant_id: int, kind: str) -> list[WebhookEndpoint]:
    active = WebhookEndpoint.objects.active().filter(merchant_id=merchant_id)
    return [endpoint for endpoint in active if endpoint.wants(kind)]


def _is_worth_telling(event: CaseEvent) -> bool:
    """Leave out what another event says better: a case opens with its first failed try."""
    if event.kind == Kind.OPENED:
        tried = Try.objects.filter(
            merchant_id=event.merchant_id, stripe_invoice_id=event.case.stripe_invoice_id
        )
        return bool(event.data.get("counts_as_failure")) and not tried.exists()
    if event.kind == Kind.TRY_FAILED:
        return bool(event.data.get("counts_as_failure"))
    return True
