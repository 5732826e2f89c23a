"""Notes on the timeline about a payment method that became better."""

import datetime as dt

from apps.customers.models import PaymentMethod
from apps.dunning.words import method_name
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event

CUSTOMER, NETWORK = "Customer", "Card network"
"""Who mended a card, as the actor of the event."""

FIXED = (Attempt.Trigger.METHOD_CHANGED, Attempt.Trigger.LINK, Attempt.Trigger.CUSTOMER_CONFIRMED)
"""Tries that the customer or the network led to."""


def note_new_method(*, case: RecoveryCase, now: dt.datetime) -> None:
    """Note that what is charged now changed since the last try, unless that was noted already.

    The caller holds the case's row lock, and `case.seen` is fresh.
    """
    method = case.seen.get("method") or {}
    reference = method.get("reference", "")
    last = (
        Try.objects.filter(merchant_id=case.merchant_id, stripe_invoice_id=case.stripe_invoice_id)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    since = last or case.failed_at
    changes = case.events.filter(kind=CaseEvent.Kind.METHOD_CHANGED)
    if changes.filter(data__method=reference, at__gte=since).exists():
        return
    stored = PaymentMethod.objects.filter(
        merchant_id=case.merchant_id, stripe_payment_method_id=reference
    ).first()
    by_network = bool(
        stored and stored.updated_by_network_at and stored.updated_by_network_at >= since
    )
    card = method_name(method.get("brand") or method.get("type", ""), method.get("last4", ""))
    text = f"The card network renewed {card}." if by_network else f"{card} is charged from now on."
    append_event(
        case=case,
        kind=CaseEvent.Kind.METHOD_CHANGED,
        key=f"method_changed:{changes.count() + 1}",
        at=now,
        text=text,
        data={"method": reference, "by_network": by_network},
        actor=NETWORK if by_network else CUSTOMER,
    )


def fixed_before(attempt: Attempt) -> CaseEvent | None:
    """Return the event of the better card that an attempt was made for."""
    if attempt.trigger not in FIXED:
        return None
    return (
        attempt.case.events.filter(
            kind=CaseEvent.Kind.METHOD_CHANGED, at__lte=attempt.claimed_at or attempt.due_at
        )
        .exclude(data__has_key="refused")
        .last()
    )
