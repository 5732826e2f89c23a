"""A person marks an invoice uncollectible: said before, committed once, carried out by the engine."""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.queries import charging_stop
from apps.accounts.services import record_audit
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.queries.checks import write_off_warnings
from apps.recovery.services.events import append_event
from apps.recovery.services.manual import NotNow, lock_case_of
from apps.recovery.services.planning import show_write_off


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
