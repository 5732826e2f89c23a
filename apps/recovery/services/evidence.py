"""Settle an attempt by what Stripe shows. Time alone never settles one."""

import datetime as dt

from apps.dunning.words import words
from apps.recovery.models import Attempt, Try
from apps.recovery.services.planning import skip_attempt
from apps.recovery.services.tries import link_try
from apps.stripe_gateway.facts import InvoiceFacts, TryFacts

SKEW = dt.timedelta(seconds=60)
"""How far Stripe's clock and ours may differ; no two tries stand closer than an hour anyway."""

ARRIVES_WITHIN = dt.timedelta(minutes=15)
"""A request may arrive though we gave up waiting; a charge made later still is somebody else's."""


def settle_by_evidence(*, attempt: Attempt, invoice: InvoiceFacts, now: dt.datetime) -> bool:
    """Settle an unknown or processing attempt if this read shows what became of it.

    The caller holds the case's row lock and has recorded the tries. A running attempt is left to
    the worker that runs it.
    """
    if attempt.status == Attempt.Status.RUNNING:
        return False
    mine = charge_of(attempt=attempt, invoice=invoice)
    if mine is not None and mine.status == "succeeded":
        settle(attempt=attempt, status=Attempt.Status.SUCCEEDED, now=now, tried=mine)
    elif mine is not None and mine.status == "failed":
        note = words(mine.decline) if mine.decline else "Declined"
        settle(attempt=attempt, status=Attempt.Status.DECLINED, now=now, tried=mine, note=note)
    elif mine is not None and attempt.status == Attempt.Status.UNKNOWN:
        settle(attempt=attempt, status=Attempt.Status.PROCESSING, now=now, tried=mine)
    elif mine is None and invoice.status != "open":
        skip_attempt(
            attempt=attempt,
            code="not_executed",
            text=f"The invoice is {invoice.status}; this charge did not run.",
            now=now,
        )
    else:
        return False
    return True


def charge_of(*, attempt: Attempt, invoice: InvoiceFacts) -> TryFacts | None:
    """Find the charge an attempt made: its own id, else one since it was sent that is no other's.

    One made long after the last sending was made by the customer or by Stripe, unless the answer
    was that the payment is under way: its charge may come days later.

    A charge seen here is enough; a charge not seen proves nothing.
    """
    if attempt.sent_at is None:
        return None
    others = set(
        Try.objects.filter(stripe_invoice_id=invoice.id, attempt__isnull=False)
        .exclude(attempt=attempt)
        .values_list("stripe_charge_id", flat=True)
    )
    since = attempt.sent_at - SKEW
    until = (attempt.last_sent_at or attempt.sent_at) + ARRIVES_WITHIN
    is_under_way = attempt.status == Attempt.Status.PROCESSING
    for tried in reversed(invoice.tries):
        if tried.charge_id == attempt.stripe_charge_id:
            return tried
        in_time = tried.at >= since and (tried.at <= until or is_under_way)
        if in_time and not attempt.stripe_charge_id and tried.charge_id not in others:
            return tried
    return None


def settle(
    *,
    attempt: Attempt,
    status: Attempt.Status,
    now: dt.datetime,
    tried: TryFacts | None = None,
    charge_id: str = "",
    note: str = "",
) -> None:
    """Write the outcome of an attempt and count the step it used. The caller holds the lock.

    The case's counter is raised in memory; the caller saves the case.
    """
    first_time = attempt.status not in (Attempt.Status.PROCESSING,)
    attempt.status = status
    attempt.note = note[:500]
    attempt.lease_until = None
    if status != Attempt.Status.PROCESSING:
        attempt.settled_at = now
    if tried is not None:
        charge_id = tried.charge_id
    if charge_id:
        link_try(attempt=attempt, charge_id=charge_id)
    attempt.save()
    if attempt.uses_step and first_time:
        attempt.case.retries_made += 1
