"""Stop Stripe's own retries of an invoice, so that two engines never charge it at once."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant
from apps.recovery.facts import Seen
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services.events import append_event
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import (
    AccessDenied,
    BadRequest,
    GatewayError,
    InvoiceNotOpen,
    NotFound,
)
from apps.stripe_gateway.facts import InvoiceFacts

AGAIN = dt.timedelta(minutes=1)

Takeover, Engine = RecoveryCase.Takeover, RecoveryCase.Engine


def take_over(*, case_id: int, now: dt.datetime) -> None:
    """Ask Stripe to leave the invoice to us; repeated by `repeat_takeovers` until a read shows it.

    The wish is committed with a number first, and each asking has its own idempotency key. When
    Stripe refuses, the case is watched only, and says so. While charging is off nothing is asked.
    """
    with transaction.atomic(durable=True):
        case = _lock(case_id)
        if case is None or case.takeover != Takeover.WANTED:
            return
        if not Merchant.objects.charging().filter(pk=case.merchant_id).exists():
            return
        case.takeover_tries += 1
        case.save(update_fields=["takeover_tries"])
    key = f"recoup-takeover-{case.stripe_invoice_id}-{case.takeover_tries}"
    try:
        invoice = gateway.stop_stripe_retries(
            account=case.merchant, invoice_id=case.stripe_invoice_id, key=key
        )
    except (AccessDenied, BadRequest, NotFound) as refusal:
        _refused(case_id=case_id, why=str(refusal), now=now)
        return
    except (InvoiceNotOpen, GatewayError):
        return  # read again by the sweep, which asks again
    with transaction.atomic(durable=True):
        case = _lock(case_id)
        if case is not None:
            notice(case=case, invoice=invoice, now=now)
            case.seen = Seen.of(invoice).to_json()
            case.save(update_fields=["takeover", "seen"])


def repeat_takeovers(*, now: dt.datetime, limit: int = 50) -> int:
    """Ask again for every case that is ours but not yet confirmed; give back how many."""
    wanted = (
        RecoveryCase.objects.open()
        .filter(
            takeover=Takeover.WANTED,
            opened_at__lte=now - AGAIN,
            merchant__in=Merchant.objects.charging(),
        )
        .order_by("takeover_tries", "id")
        .values_list("pk", flat=True)[:limit]
    )
    for case_id in wanted:
        take_over(case_id=case_id, now=now)
    return len(wanted)


def notice(*, case: RecoveryCase, invoice: InvoiceFacts, now: dt.datetime) -> None:
    """Note from a read whether Stripe still means to retry. The caller locks and saves the case."""
    if case.engine != Engine.RECOUP:
        return
    stopped = not invoice.auto_advance and invoice.next_payment_attempt is None
    if stopped and case.takeover == Takeover.WANTED:
        case.takeover = Takeover.CONFIRMED
        append_event(
            case=case,
            kind=CaseEvent.Kind.TAKEOVER,
            key=f"takeover:{case.takeover_tries}",
            at=now,
            text="Stripe's own retries are off for this invoice; Recoup retries.",
        )
    elif not stopped and case.takeover == Takeover.CONFIRMED and invoice.status == "open":
        case.takeover = Takeover.WANTED  # somebody switched Stripe's retries on again


def _refused(*, case_id: int, why: str, now: dt.datetime) -> None:
    with transaction.atomic(durable=True):
        case = _lock(case_id)
        if case is None:
            return
        case.takeover, case.engine = Takeover.REFUSED, Engine.STRIPE
        case.rules = {**case.rules, "engine": "stripe", "strategy": "smart"}
        case.decide_by = now
        case.save(update_fields=["takeover", "engine", "rules", "decide_by"])
        append_event(
            case=case,
            kind=CaseEvent.Kind.TAKEOVER_REFUSED,
            key="takeover_refused",
            at=now,
            text=f"Stripe's retries could not be switched off, so Recoup only watches. {why}",
        )


def _lock(case_id: int) -> RecoveryCase | None:
    return (
        RecoveryCase.objects.open()
        .filter(pk=case_id)
        .select_for_update(of=("self",))
        .select_related("merchant")
        .first()
    )
