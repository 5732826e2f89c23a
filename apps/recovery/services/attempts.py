"""The one place where money moves: claim, re-read, commit the request, pay, record.

No transaction is open over a call to Stripe. A row is claimed by a conditional update; what is
sent is committed before it is sent; what came of it is written from the call's own answer.
"""

import datetime as dt
import logging
from contextlib import AbstractContextManager

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps import logs
from apps.recovery.facts import tries_of
from apps.recovery.models import Attempt, RecoveryCase
from apps.recovery.services import outcomes
from apps.recovery.services.guarding import forbidden
from apps.recovery.services.observing import take_in
from apps.recovery.services.pacing import Wait, must_wait, put_off
from apps.recovery.services.planning import skip_attempt
from apps.recovery.services.tries import note_failures, record_tries
from apps.recovery.services.turns import APART, wait_for_others
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import AccessDenied, GatewayError, NotFound
from apps.stripe_gateway.facts import InvoiceFacts

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=150)
"""Real time; longer than the slowest read and pay together (5 s + 30 s each, reads repeated)."""

READ_AGAIN = dt.timedelta(minutes=5)


def due_attempts(*, now: dt.datetime, limit: int = 200) -> list[int]:
    """Give the ids of attempts whose time has come, longest due first."""
    return list(
        Attempt.objects.due(now=now).order_by("due_at", "id").values_list("pk", flat=True)[:limit]
    )


def run_attempt(*, attempt_id: int, now: dt.datetime) -> None:
    """Charge one due attempt and record what came of it.

    Safe to call twice and from two workers: only the caller that claims the row goes on.
    """
    if claim(attempt_id=attempt_id, now=now):
        carry_out(attempt_id=attempt_id, now=now)


def claim(*, attempt_id: int, now: dt.datetime) -> bool:
    """Take a due attempt for this worker. False: another was first, or it is no longer due."""
    attempt = Attempt.objects.due(now=now).filter(pk=attempt_id).select_related("case").first()
    if attempt is None:
        return False
    # No join in the update: PostgreSQL re-checks only the row's own columns after a lock wait.
    mine = Attempt.objects.filter(pk=attempt_id, status=Attempt.Status.SCHEDULED, due_at__lte=now)
    try:
        with transaction.atomic(durable=True):
            # The case first, as everybody else who then waits for the customer's turn.
            RecoveryCase.objects.select_for_update().get(pk=attempt.case_id)
            if wait_for_others(case=attempt.case, now=now):
                put_off(attempt=attempt, wait=Wait(now + APART, "customers_turn"), now=now)
                return False
            wait = must_wait(attempt=attempt, now=now)
            if wait is not None:
                put_off(attempt=attempt, wait=wait, now=now)
                return False
            claimed = mine.update(
                status=Attempt.Status.RUNNING,
                claimed_at=now,
                lease_until=timezone.now() + LEASE,
            )
    except IntegrityError:
        return False  # another attempt of the case is running, processing or unknown
    return claimed == 1


def carry_out(*, attempt_id: int, now: dt.datetime) -> None:
    """Bring a claimed attempt to its end. The caller holds its lease."""
    attempt = Attempt.objects.select_related("case__merchant").get(pk=attempt_id)
    with ids_of(attempt):
        _carry_out(attempt=attempt, now=now)


def ids_of(attempt: Attempt) -> AbstractContextManager[None]:
    """Put an attempt's ids on the log lines written inside."""
    case = attempt.case
    return logs.about(merchant_id=case.merchant_id, case_id=case.pk, attempt_id=attempt.pk)


def _carry_out(*, attempt: Attempt, now: dt.datetime) -> None:
    attempt_id, case = attempt.pk, attempt.case
    try:
        invoice = gateway.read_invoice(account=case.merchant, invoice_id=case.stripe_invoice_id)
    except AccessDenied:
        outcomes.record_denied(attempt_id=attempt_id, now=now)
        return
    except NotFound as error:
        outcomes.record_unusable(attempt_id=attempt_id, error=error, now=now)
        return
    except GatewayError:
        outcomes.put_back(attempt_id=attempt_id, again_at=now + READ_AGAIN, now=now)
        return
    if _prepare(attempt_id=attempt_id, invoice=invoice, now=now):
        send(attempt=attempt, invoice=invoice, now=now)


def _prepare(*, attempt_id: int, invoice: InvoiceFacts, now: dt.datetime) -> bool:
    """Check every rule against the fresh read and commit the request; False: do not charge."""
    with transaction.atomic(durable=True):
        attempt = outcomes.lock_attempt(attempt_id)
        if attempt is None or attempt.status != Attempt.Status.RUNNING:
            return False
        case = attempt.case
        record_tries(merchant=case.merchant, invoice=invoice)
        note_failures(case, tries_of(case))
        blocked = forbidden(attempt=attempt, invoice=invoice, now=now)
        if blocked is not None:
            skip_attempt(attempt=attempt, code=blocked[0], text=blocked[1], now=now)
            take_in(case=case, invoice=invoice, now=now)
            return False
        attempt.sent_at = attempt.sent_at or now
        attempt.last_sent_at = now
        attempt.request = {"invoice": case.stripe_invoice_id, "off_session": True}
        if attempt.stripe_payment_method_id:
            attempt.request["payment_method"] = attempt.stripe_payment_method_id
        attempt.lease_until = timezone.now() + LEASE
        attempt.save(update_fields=["sent_at", "last_sent_at", "request", "lease_until"])
        case.save()
    return True


def send(*, attempt: Attempt, now: dt.datetime, invoice: InvoiceFacts) -> None:
    """Send the committed request under its key and record the answer.

    Sent a second time, the same key makes Stripe repeat its first answer.
    """
    logger.info("A charge is sent.")
    try:
        answer = gateway.pay_invoice(
            account=attempt.case.merchant,
            invoice_id=invoice.id,
            key=str(attempt.key),
            payment_method_id=attempt.stripe_payment_method_id,
        )
    except GatewayError as error:
        logger.info("The charge was answered: %s", error)
        outcomes.record_error(attempt_id=attempt.pk, error=error, invoice=invoice, now=now)
    else:
        logger.info("The charge was answered: the invoice is %s.", answer.status)
        outcomes.record_answer(attempt_id=attempt.pk, invoice=answer, now=now)
