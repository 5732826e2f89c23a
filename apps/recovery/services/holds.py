"""Set a case on hold inside a transaction, whoever asks for it."""

import datetime as dt

from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.services.events import append_event
from apps.recovery.services.planning import show_held, skip_attempt
from apps.stripe_gateway.facts import InvoiceFacts


def put_on_hold(
    *,
    case: RecoveryCase,
    hold: RecoveryCase.Hold,
    text: str,
    now: dt.datetime,
    actor: str = "Recoup",
) -> None:
    """Hold an open case. The caller holds its row lock; a charge under way is still recorded."""
    planned = case.attempts.filter(status=Attempt.Status.SCHEDULED).first()
    if planned is not None:
        planned.case = case
        skip_attempt(attempt=planned, code="on_hold", text="The case is on hold.", now=now)
    case.hold, case.held_at, case.held_by = hold, now, actor
    case.hold_note = text[:200]
    show_held(case, now=now)
    case.save()
    append_event(
        case=case,
        kind=CaseEvent.Kind.HELD,
        key=f"held:{case.events.filter(kind=CaseEvent.Kind.HELD).count() + 1}",
        at=now,
        text=text,
        data={"hold": hold},
        actor=actor,
    )


def hold_if_customer_cancels(
    *, case: RecoveryCase, invoice: InvoiceFacts, now: dt.datetime
) -> None:
    """Hold a case whose customer canceled, since it failed, to the end of the period.

    Once, so that a person's release stands. The caller holds the case's row lock.
    """
    subscription = invoice.subscription
    if subscription is None or not subscription.cancel_at_period_end:
        return
    canceled_at = subscription.canceled_at
    if canceled_at is None or canceled_at <= case.failed_at or case.held_at is not None:
        return
    hold = RecoveryCase.Hold.CUSTOMER_CANCELS
    if case.events.filter(kind=CaseEvent.Kind.HELD, data__hold=hold).exists():
        return
    text = "The customer canceled to the end of the period: nothing is tried until you say so."
    put_on_hold(case=case, hold=hold, text=text, now=now)
