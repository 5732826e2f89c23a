"""Hold a case: nothing is tried and nothing ends until a person says that it goes on."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services.events import append_event
from apps.recovery.services.holds import put_on_hold
from apps.recovery.services.manual import NotNow, lock_case_of
from apps.recovery.services.observing import refresh_case
from apps.stripe_gateway.errors import GatewayError

Hold = RecoveryCase.Hold


def hold_case(*, merchant: Merchant, case_id: int, user: User, note: str, now: dt.datetime) -> None:
    """Put a case on hold for a person, with their reason. Nothing changes at Stripe.

    Raises:
        NotNow: the case is closed or held already.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = lock_case_of(merchant=merchant, case_id=case_id)
        if case.status != RecoveryCase.Status.OPEN:
            raise NotNow("This case is closed already.")
        if case.held_at is not None:
            raise NotNow("This case is on hold already.")
        text = f"Put on hold by {user.display_name}: {note}"
        put_on_hold(case=case, hold=Hold.PERSON, text=text, now=now, actor=user.email)
        record_audit(
            merchant=merchant,
            user=user,
            action="case.hold",
            at=now,
            subject=case.stripe_invoice_id,
            after={"note": note},
        )


def release_case(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> None:
    """Let a held case go on: it is read again, and planned by its rules.

    Raises:
        NotNow: it is not on hold.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = lock_case_of(merchant=merchant, case_id=case_id)
        if case.held_at is None:
            raise NotNow("This case is not on hold.")
        case.hold, case.held_at, case.held_by, case.hold_note = "", None, "", ""
        case.next_step, case.decide_by = RecoveryCase.Step.NOTHING, now
        case.reasons = []
        case.save()
        append_event(
            case=case,
            kind=CaseEvent.Kind.RELEASED,
            key=f"released:{case.events.filter(kind=CaseEvent.Kind.RELEASED).count() + 1}",
            at=now,
            text=f"{user.display_name} let this case go on.",
            actor=user.email,
        )
        record_audit(
            merchant=merchant,
            user=user,
            action="case.release",
            at=now,
            subject=case.stripe_invoice_id,
        )
    try:
        refresh_case(merchant=merchant, invoice_id=case.stripe_invoice_id, now=now)
    except GatewayError:
        return  # decide_by is now: it is read again within a minute
