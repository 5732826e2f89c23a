"""Notes that people write on a case, for each other."""

import datetime as dt
import uuid

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services.events import append_event

NOTE_LENGTH = 500


def add_note(
    *, merchant: Merchant, case_id: int, user: User, text: str, now: dt.datetime, key: str = ""
) -> None:
    """Add a note to a case's timeline, open or closed. The same `key` again adds nothing.

    Raises:
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = RecoveryCase.objects.for_merchant(merchant).select_for_update().get(pk=case_id)
        append_event(
            case=case,
            kind=CaseEvent.Kind.NOTE,
            key=f"note:{key or uuid.uuid4()}",
            at=now,
            actor=user.email,
            text=text[:NOTE_LENGTH],
        )
