"""A case's end decided early, by a person or by a rule: committed once, carried out by the engine."""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.queries import charging_stop
from apps.accounts.services import record_audit
from apps.dunning.rules import InvoiceAction
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.queries.checks import write_off_warnings
from apps.recovery.services.events import append_event
from apps.recovery.services.manual import NotNow, lock_case_of
from apps.recovery.services.planning import show_write_off

UNCONFIRMED = "The reminders of 3-D Secure are used up, and the customer has not confirmed."


def mark_uncollectible(
    *, merchant: Merchant, case_id: int, user: User, despite_warnings: bool, now: dt.datetime
) -> None:
    """Commit a person's wish to write an invoice off; `finish_case` tells Stripe and closes it.

    The subscription goes on, and the invoice may still be paid: the case then counts as recovered.

    Raises:
        NotNow: the case is closed, a charge is under way, charging is off, or there are warnings
            that the person has not seen.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = lock_case_of(merchant=merchant, case_id=case_id)
        if case.status != RecoveryCase.Status.OPEN:
            raise NotNow("This case is closed already.")
        if case.attempts.unsettled().exists():
            raise NotNow("A charge is under way. Wait for its result.")
        if stop := charging_stop(case.merchant):
            raise NotNow(stop.text)
        if write_off_warnings(case=case) and not despite_warnings:
            raise NotNow("Nothing was done: please read the warnings and confirm.")
        if case.write_off_key is not None:
            return
        case.write_off_key = uuid.uuid4()
        show_write_off(case, now=now)
        case.save()
        append_event(
            case=case,
            kind=CaseEvent.Kind.FINAL_ACTION,
            key=f"write_off:{case.write_off_key}",
            at=now,
            text=f"{user.display_name} marks the invoice uncollectible.",
            data={"action": "none", "invoice_action": "uncollectible"},
            actor=user.email,
        )
        record_audit(
            merchant=merchant,
            user=user,
            action="case.mark_uncollectible",
            at=now,
            subject=case.stripe_invoice_id,
        )


def end_unconfirmed(*, case_id: int, invoice_end: InvoiceAction, now: dt.datetime) -> bool:
    """Commit the end of a case whose customer never confirmed; `finish_case` carries it out.

    The subscription gets the final action of the case's own rules, then the invoice `invoice_end`: an
    invoice of a subscription that goes on is marked uncollectible where it was to be voided, since
    voiding its newest would set it active as if it were paid. False where the case has moved on since,
    or something is under way.
    """
    with transaction.atomic(durable=True):
        case = (
            RecoveryCase.objects.open()
            .filter(pk=case_id, merchant__in=Merchant.objects.charging())
            .select_for_update(of=("self",))
            .select_related("merchant")
            .first()
        )
        if case is None or not _waits_for_bank(case) or case.attempts.unsettled().exists():
            return False
        action = str(case.rules.get("final_action", "leave_past_due"))
        goes_on = case.stripe_subscription_id and action == "leave_past_due"
        if invoice_end == "void" and goes_on:
            invoice_end = "uncollectible"
        case.write_off_key = uuid.uuid4()
        show_write_off(case, now=now, why=UNCONFIRMED)
        case.save()
        append_event(
            case=case,
            kind=CaseEvent.Kind.FINAL_ACTION,
            key=f"unconfirmed:{case.write_off_key}",
            at=now,
            text=UNCONFIRMED,
            data={
                "action": action,
                "invoice_action": invoice_end,
                "key": str(uuid.uuid4()),
                "invoice_key": str(uuid.uuid4()),
                "why": "never confirmed with the bank",
            },
        )
    return True


def _waits_for_bank(case: RecoveryCase) -> bool:
    return (
        case.next_step == RecoveryCase.Step.AUTHENTICATION
        and case.engine == RecoveryCase.Engine.RECOUP
        and case.takeover == RecoveryCase.Takeover.CONFIRMED
        and case.write_off_key is None
        and case.held_at is None
        and not case.seen.get("processing")
    )
