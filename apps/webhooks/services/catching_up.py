"""After a gap or a restored backup: compare everything open with Stripe before anybody is charged.

A restored database knows nothing of the charges made since the backup. Each charge reads its own
invoice first, so nothing is paid twice; but budgets, waits and final actions look at more than
one invoice. So the engine stays off until all of it was read.
"""

import datetime as dt
import logging
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet

from apps.accounts.models import Installation, Merchant
from apps.accounts.services import note_reconciled
from apps.recovery.models import Attempt, RecoveryCase
from apps.stripe_gateway.errors import GatewayError
from apps.webhooks.marks import Mark
from apps.webhooks.models import DirtyObject, InboxEvent
from apps.webhooks.services.marking import mark_dirty, take_in
from apps.webhooks.services.reading import drain
from apps.webhooks.services.sweeping import sweep_merchant

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Behind:
    """A merchant for whom nothing is charged yet, and what it waits for."""

    merchant: Merchant
    why: str


def catch_up(*, now: dt.datetime, seconds: float = 20.0) -> list[Behind]:
    """Do what was demanded and is not done yet; give the merchants that are still behind.

    For each: list the events that nobody delivered and take them in, then read every open case
    and every attempt whose outcome is open. Each merchant is released alone, so that one whose
    account answers no more keeps nobody waiting. Without a demand it costs one query.
    """
    since = Installation.objects.current().reconcile_since
    if since is None:
        return []
    behind = list(Merchant.objects.behind(since).order_by("id"))
    reasons: dict[int, str] = {}
    lines: dict[int, dt.datetime | None] = {}
    for merchant in behind:
        try:
            lines[merchant.pk] = _ask_for_everything(merchant, since=since, now=now)
        except GatewayError as error:
            reasons[merchant.pk] = str(error)
            logger.warning("%s is not compared with Stripe yet: %s", merchant, error)
        except _StillTakenIn:
            reasons[merchant.pk] = "events are being taken in"
    if lines:
        drain(now=now, seconds=seconds, at_once=True)
    for merchant in behind:
        if merchant.pk not in lines:
            continue
        left = _unread(merchant, lines[merchant.pk])
        if left:
            reasons[merchant.pk] = f"{left} objects are still to be read"
            continue
        note_reconciled(merchant=merchant, since=since, now=now)
        logger.warning("%s was compared with Stripe; charging goes on.", merchant)
    return [Behind(one, reasons[one.pk]) for one in behind if one.pk in reasons]


class _StillTakenIn(Exception):
    """Another worker holds events of this merchant; their marks are not written yet."""


def _ask_for_everything(
    merchant: Merchant, *, since: dt.datetime, now: dt.datetime
) -> dt.datetime | None:
    """Mark what may have changed, and give the moment of the newest mark; None without any.

    Raises:
        GatewayError: Stripe did not list its events.
    """
    if not merchant.stripe_account_id:
        return None
    sweep_merchant(merchant=merchant, now=now)
    while take_in(now=now):
        pass
    account_id = merchant.stripe_account_id if merchant.is_connected else ""
    if InboxEvent.objects.pending().filter(stripe_account_id=account_id).exists():
        raise _StillTakenIn
    in_question = Q(status=RecoveryCase.Status.OPEN) | Q(attempts__status__in=Attempt.UNSETTLED)
    invoices = (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(in_question)
        .exclude(checked_at__gte=since)
        .values_list("stripe_invoice_id", flat=True)
        .distinct()
    )
    marks = [Mark(DirtyObject.Kind.INVOICE, invoice_id) for invoice_id in invoices]
    mark_dirty(merchant=merchant, marks=marks, now=now)
    newest: dt.datetime | None = _waiting(merchant).aggregate(at=Max("touched_at"))["at"]
    return newest


def _unread(merchant: Merchant, line: dt.datetime | None) -> int:
    """Count the objects marked up to `line` that nobody has read; parked ones wait for a person."""
    return 0 if line is None else _waiting(merchant).filter(touched_at__lte=line).count()


def _waiting(merchant: Merchant) -> QuerySet[DirtyObject]:
    return DirtyObject.objects.filter(merchant=merchant).exclude(not_before__gte=DirtyObject.PARKED)
