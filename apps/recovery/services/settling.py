"""Bring attempts to an end whose worker died or whose answer was lost."""

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.recovery.models import Attempt
from apps.recovery.services import outcomes
from apps.recovery.services.attempts import LEASE, carry_out, ids_of, send
from apps.recovery.services.evidence import settle_by_evidence
from apps.recovery.services.guarding import KEY_LIFE, forbidden
from apps.recovery.services.observing import take_in
from apps.recovery.services.planning import skip_attempt
from apps.recovery.services.tries import record_tries
from apps.recovery.services.turns import wait_for_others
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import GatewayError
from apps.stripe_gateway.facts import InvoiceFacts

NOT_EXECUTED_AFTER = dt.timedelta(hours=1)
"""A charge that no read shows this long after its key is dead did not run."""


def unsettled_attempts(*, limit: int = 100) -> list[int]:
    """Give the ids of running and unknown attempts that no worker holds, oldest first."""
    return list(
        Attempt.objects.filter(status__in=[Attempt.Status.RUNNING, Attempt.Status.UNKNOWN])
        .filter(Q(lease_until=None) | Q(lease_until__lte=timezone.now()))
        .order_by("claimed_at", "id")
        .values_list("pk", flat=True)[:limit]
    )


def settle_attempt(*, attempt_id: int, now: dt.datetime) -> None:
    """Find out what became of one attempt, by reading first and by repeating its key if young.

    Safe from two workers: the lease lets one in.
    """
    lease = timezone.now() + LEASE
    taken = (
        Attempt.objects.filter(
            pk=attempt_id, status__in=[Attempt.Status.RUNNING, Attempt.Status.UNKNOWN]
        )
        .filter(Q(lease_until=None) | Q(lease_until__lte=timezone.now()))
        .update(lease_until=lease)
    )
    if not taken:
        return
    attempt = Attempt.objects.select_related("case__merchant").get(pk=attempt_id)
    if attempt.sent_at is None:
        carry_out(attempt_id=attempt_id, now=now)  # its worker died before anything was sent
        return
    with ids_of(attempt):
        _find_out(attempt=attempt, lease=lease, now=now)


def _find_out(*, attempt: Attempt, lease: dt.datetime, now: dt.datetime) -> None:
    attempt_id = attempt.pk
    try:
        invoice = gateway.read_invoice(
            account=attempt.case.merchant, invoice_id=attempt.case.stripe_invoice_id
        )
    except GatewayError:
        return  # the lease runs out and it is asked again
    if _settled_by_read(attempt_id=attempt_id, invoice=invoice, now=now):
        return
    with transaction.atomic():
        if wait_for_others(case=attempt.case, now=now):
            return  # the lease runs out and it is asked again
    if forbidden(attempt=attempt, invoice=invoice, now=now) is not None:
        return
    # A worker that stood still past its lease knows neither the time nor how old the key is.
    mine = Attempt.objects.filter(pk=attempt_id, lease_until=lease, lease_until__gt=timezone.now())
    # Stripe answers a repeated key with what happened the first time, or runs it now.
    if mine.update(last_sent_at=now):
        send(attempt=attempt, invoice=invoice, now=now)


def _settled_by_read(*, attempt_id: int, invoice: InvoiceFacts, now: dt.datetime) -> bool:
    with transaction.atomic(durable=True):
        attempt = outcomes.lock_attempt(attempt_id)
        if attempt is None:
            return True
        case = attempt.case
        record_tries(merchant=case.merchant, invoice=invoice)
        attempt.status = Attempt.Status.UNKNOWN  # its worker is gone: evidence decides
        attempt.save(update_fields=["status"])
        settled = settle_by_evidence(attempt=attempt, invoice=invoice, now=now)
        if not settled and _never_ran(attempt=attempt, invoice=invoice, now=now):
            skip_attempt(
                attempt=attempt,
                code="not_executed",
                text="Stripe shows no charge for it, and the request is too old to arrive.",
                now=now,
            )
            settled = True
        if settled:
            take_in(case=case, invoice=invoice, now=now)
        else:
            case.save()
    return settled


def _never_ran(*, attempt: Attempt, invoice: InvoiceFacts, now: dt.datetime) -> bool:
    """Say whether a fresh read without a charge proves that the request never ran.

    It does once the key is dead: Stripe neither holds the request any more nor would we repeat it.
    It proves nothing while a payment is under way: that of an Indian card has no charge for days.
    """
    if attempt.sent_at is None or invoice.processing:
        return False
    return now - attempt.sent_at > KEY_LIFE + NOT_EXECUTED_AFTER
