"""Write what came of a pay call: every answer Stripe can give has its own path."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from apps.accounts.services import note_refused
from apps.dunning.facts import Decline, Method
from apps.dunning.words import words
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event
from apps.recovery.services.evidence import charge_of, settle
from apps.recovery.services.observing import refresh_case, take_in
from apps.recovery.services.pacing import slow_down, spread
from apps.recovery.services.planning import skip_attempt
from apps.recovery.services.tries import record_tries, try_row
from apps.stripe_gateway.errors import (
    AccessDenied,
    Busy,
    GatewayError,
    InvoiceNotOpen,
    KeyMismatch,
    NeedsAuthentication,
    NoPaymentMethod,
    OutcomeUnknown,
    PaymentDeclined,
)
from apps.stripe_gateway.facts import InvoiceFacts, TryFacts

ASK_AGAIN = dt.timedelta(minutes=5)
HALTED = dt.timedelta(days=1)
NOT_SENT = "not_sent_to_network"


def record_answer(*, attempt_id: int, invoice: InvoiceFacts, now: dt.datetime) -> None:
    """Record a 200: paid, or a bank payment under way."""
    with transaction.atomic(durable=True):
        attempt = lock_attempt(attempt_id)
        if attempt is None:
            return
        case = attempt.case
        record_tries(merchant=case.merchant, invoice=invoice)
        mine = charge_of(attempt=attempt, invoice=invoice)
        if invoice.status == "paid":
            settle(attempt=attempt, status=Attempt.Status.SUCCEEDED, now=now, tried=mine)
        elif invoice.processing:
            settle(attempt=attempt, status=Attempt.Status.PROCESSING, now=now, tried=mine)
            append_event(
                case=case,
                kind=CaseEvent.Kind.TRY_PROCESSING,
                key=f"processing:{attempt.number}",
                at=now,
                text=f"Retry {attempt.number}: the bank is working on the payment.",
                data={"attempt": attempt.number},
            )
        else:
            _unknown(attempt=attempt, now=now, why="Stripe answered, but the invoice is not paid.")
        take_in(case=case, invoice=invoice, now=now)


def record_error(
    *, attempt_id: int, error: GatewayError, invoice: InvoiceFacts, now: dt.datetime
) -> None:
    """Record a pay call that did not answer 200; `invoice` is the read from just before it."""
    if isinstance(error, PaymentDeclined):
        _declined(
            attempt_id=attempt_id,
            invoice=invoice,
            decline=error.decline,
            charge_id=error.charge_id,
            payment_intent_id=error.payment_intent_id,
            method=error.method,
            status=Attempt.Status.DECLINED,
            now=now,
        )
    elif isinstance(error, NeedsAuthentication):
        _declined(
            attempt_id=attempt_id,
            invoice=invoice,
            decline=error.decline or Decline("authentication_required"),
            charge_id=error.charge_id,
            payment_intent_id=error.payment_intent_id,
            method=error.method or invoice.method,
            status=Attempt.Status.NEEDS_CUSTOMER,
            now=now,
        )
    elif isinstance(error, Busy):
        _busy(attempt_id=attempt_id, error=error, now=now)
    elif isinstance(error, InvoiceNotOpen):
        _skip_and_read(
            attempt_id=attempt_id,
            code="invoice_not_open",
            text="The invoice was settled meanwhile.",
            now=now,
        )
    elif isinstance(error, NoPaymentMethod):
        _skip_and_read(
            attempt_id=attempt_id,
            code="no_method",
            text="No payment method is on file; nothing was charged.",
            now=now,
        )
    elif isinstance(error, AccessDenied):
        record_denied(attempt_id=attempt_id, now=now)
    elif isinstance(error, OutcomeUnknown | KeyMismatch):
        record_unknown(attempt_id=attempt_id, why=str(error), now=now)
    else:
        record_unusable(attempt_id=attempt_id, error=error, now=now)


def _busy(*, attempt_id: int, error: Busy, now: dt.datetime) -> None:
    """Give an attempt back that Stripe had no time for, and let the account slow down."""
    attempt = Attempt.objects.select_related("case").get(pk=attempt_id)
    slow_down(case=attempt.case, now=now)
    wait = max(ASK_AGAIN, dt.timedelta(seconds=error.retry_after))
    again_at = now + wait + spread(attempt, dt.timedelta(minutes=1))
    put_back(attempt_id=attempt_id, again_at=again_at, now=now)


def record_unknown(*, attempt_id: int, why: str, now: dt.datetime) -> None:
    """Record that nobody knows: nothing else is tried until a read or a replay tells."""
    with transaction.atomic(durable=True):
        attempt = lock_attempt(attempt_id)
        if attempt is not None:
            _unknown(attempt=attempt, now=now, why=why)
            attempt.case.save()


def record_unusable(*, attempt_id: int, error: GatewayError, now: dt.datetime) -> None:
    """Record that Stripe will not take the request at all: no charge, look again in a day."""
    with transaction.atomic(durable=True):
        attempt = lock_attempt(attempt_id)
        if attempt is None:
            return
        text = f"Stripe refused the request: {error}"
        skip_attempt(attempt=attempt, code="refused", text=text, now=now)
        case = attempt.case
        case.next_step, case.next_try_at = RecoveryCase.Step.NOTHING, None
        case.reasons = [{"code": "refused", "text": text}]
        case.decide_by = now + HALTED
        case.save()


def record_denied(*, attempt_id: int, now: dt.datetime) -> None:
    """Stripe refuses all our calls: stop the merchant's work, and keep the attempt for later."""
    attempt = Attempt.objects.select_related("case__merchant").get(pk=attempt_id)
    note_refused(merchant=attempt.case.merchant, refused=True, now=now)
    put_back(attempt_id=attempt_id, again_at=now + ASK_AGAIN, now=now)


def put_back(*, attempt_id: int, again_at: dt.datetime, now: dt.datetime) -> None:
    """Give a claimed attempt back to the schedule: nothing ran, the same key is used later.

    One that was already unknown stays so: an earlier sending of its key may still be at work.
    """
    with transaction.atomic(durable=True):
        attempt = lock_attempt(attempt_id)
        if attempt is None:
            return
        case = attempt.case
        if attempt.status == Attempt.Status.UNKNOWN:
            attempt.lease_until = timezone.now() + ASK_AGAIN
            attempt.save(update_fields=["lease_until"])
        elif attempt.trigger in Attempt.ON_THE_SPOT:  # the planned attempt keeps its own row
            text = "Stripe did not take the request; nothing was charged. Try again."
            skip_attempt(attempt=attempt, code="stripe_busy", text=text, now=now)
        else:
            attempt.status, attempt.due_at = Attempt.Status.SCHEDULED, again_at
            attempt.lease_until = None
            attempt.save()
            case.next_step, case.next_try_at = RecoveryCase.Step.RETRY, again_at
            case.save()


def lock_attempt(attempt_id: int) -> Attempt | None:
    """Lock the case of an attempt that is running or unknown; None if it was settled meanwhile."""
    case_id = Attempt.objects.values_list("case_id", flat=True).get(pk=attempt_id)
    case = (
        RecoveryCase.objects.select_for_update(of=("self",))
        .select_related("merchant")
        .get(pk=case_id)
    )
    attempt = Attempt.objects.get(pk=attempt_id)
    attempt.case = case
    open_states = (Attempt.Status.RUNNING, Attempt.Status.UNKNOWN)
    return attempt if attempt.status in open_states else None


def _declined(
    *,
    attempt_id: int,
    invoice: InvoiceFacts,
    decline: Decline,
    charge_id: str,
    payment_intent_id: str,
    method: Method | None,
    status: Attempt.Status,
    now: dt.datetime,
) -> None:
    with transaction.atomic(durable=True):
        attempt = lock_attempt(attempt_id)
        if attempt is None:
            return
        case = attempt.case
        tried = TryFacts(
            # A refusal without a charge is kept as well: the next wait counts from it.
            charge_id=charge_id or f"none:{attempt.key}",
            payment_intent_id=payment_intent_id,
            at=now,
            status="failed",
            amount=invoice.amount_remaining,
            method=method or invoice.method,
            decline=decline,
            reached_network=bool(charge_id) and decline.network_status != NOT_SENT,
        )
        row = try_row(merchant=case.merchant, invoice=invoice, tried=tried)
        row.attempt = attempt
        Try.objects.bulk_create([row], ignore_conflicts=True)
        settle(attempt=attempt, status=status, now=now, tried=tried, note=words(decline))
        take_in(case=case, invoice=invoice, now=now)


def _skip_and_read(*, attempt_id: int, code: str, text: str, now: dt.datetime) -> None:
    """Skip an attempt that had nothing to charge any more, and read what happened."""
    with transaction.atomic(durable=True):
        attempt = lock_attempt(attempt_id)
        if attempt is None:
            return
        skip_attempt(attempt=attempt, code=code, text=text, now=now)
        case = attempt.case
        case.decide_by = now
        case.save(update_fields=["decide_by"])
    try:
        refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
    except GatewayError:
        return  # decide_by is now: the next reconciliation reads it


def _unknown(*, attempt: Attempt, now: dt.datetime, why: str) -> None:
    # Asked soon the first time, then at a calm pace.
    again = attempt.status == Attempt.Status.UNKNOWN
    attempt.lease_until = timezone.now() + ASK_AGAIN if again else None
    attempt.status = Attempt.Status.UNKNOWN
    attempt.note = why[:500]
    attempt.save()
    case = attempt.case
    case.next_step, case.next_try_at = RecoveryCase.Step.CHECKING, None
    text = "No answer from Stripe. Nothing else is tried until it is known what happened."
    case.reasons = [{"code": "unknown", "text": text}]
    append_event(
        case=case,
        kind=CaseEvent.Kind.UNKNOWN,
        key=f"unknown:{attempt.number}",
        at=now,
        text=text,
        data={"attempt": attempt.number},
    )
