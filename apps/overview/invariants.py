"""Rules that must never break, asked of the database while it is in use. Read-only.

Constraints, the protocol and the tests hold them; a figure above zero is a bug or a person's hand
in the tables, and worth waking somebody.
"""

import datetime as dt
import time
from collections.abc import Callable, Mapping

from django.db.models import Count, F, Max, OuterRef, Subquery, Sum

from apps.accounts.models import Installation
from apps.customer_payments.models import Access
from apps.recovery.models import Attempt, RecoveryCase, Try

LATE = dt.timedelta(minutes=15)
TOO_LONG = dt.timedelta(hours=24)
GRANTED_WITHIN = dt.timedelta(minutes=5)
KEPT_SECONDS = 300.0


def paid_twice(now: dt.datetime) -> int:
    """Count invoices with more successful charges than were owed."""
    return (
        Try.objects.filter(status=Try.Status.SUCCEEDED)
        .exclude(stripe_invoice_id="")
        .values("merchant_id", "stripe_invoice_id")
        .annotate(number=Count("id"), paid=Sum("amount_minor"), owed=Max("amount_due_minor"))
        # Parts of an invoice may be paid one by one.
        .filter(number__gt=1, paid__gt=F("owed"))
        .count()
    )


def unknown_too_long(now: dt.datetime) -> int:
    """Count attempts nobody knows the outcome of for more than a day."""
    return Attempt.objects.filter(
        status__in=[Attempt.Status.UNKNOWN, Attempt.Status.RUNNING], claimed_at__lt=now - TOO_LONG
    ).count()


def revoked_while_paid(now: dt.datetime) -> int:
    """Count accesses that are still taken by a case that was recovered minutes ago.

    Only where access is to be given back, and was so when the payment came in.
    """
    paid = RecoveryCase.objects.filter(
        pk=OuterRef("revoked_by_case_id"), status=RecoveryCase.Status.RECOVERED
    )
    return (
        Access.objects.filter(
            state=Access.State.REVOKED,
            merchant__customer_payment_settings__grant_on_success=True,
        )
        .annotate(paid_at=Subquery(paid.values("closed_at")[:1]))
        .filter(
            paid_at__lt=now - GRANTED_WITHIN,
            paid_at__gt=F("merchant__customer_payment_settings__updated_at"),
        )
        .count()
    )


def late_attempts(now: dt.datetime, *, by: dt.timedelta = LATE) -> int:
    """Count attempts that nobody made, re-planned or closed in time.

    Where charging is switched off they wait on purpose; while the engine is away they do not.
    """
    if not Installation.objects.current().charging_on:
        return 0
    return Attempt.objects.filter(
        status=Attempt.Status.SCHEDULED,
        due_at__lt=now - by,
        case__status=RecoveryCase.Status.OPEN,
        case__engine=RecoveryCase.Engine.RECOUP,
        case__takeover=RecoveryCase.Takeover.CONFIRMED,
        case__merchant__charging_on=True,
    ).count()


INVARIANTS: Mapping[str, Callable[[dt.datetime], int]] = {
    "paid_twice": paid_twice,
    "unknown_too_long": unknown_too_long,
    "revoked_while_paid": revoked_while_paid,
    "late_attempts": late_attempts,
}


class Watch:
    """Asks at most every five minutes: the first of them reads every charge there is."""

    def __init__(self, moment: Callable[[], float] = time.monotonic) -> None:
        self._moment = moment
        self._asked_at = float("-inf")
        self._broken: dict[str, int] = {}

    def broken(self, *, now: dt.datetime) -> dict[str, int]:
        """Give how often each rule is broken, as of the last asking; `now` is business time."""
        moment = self._moment()
        if moment - self._asked_at >= KEPT_SECONDS:
            self._broken = {name: ask(now) for name, ask in INVARIANTS.items()}
            self._asked_at = moment
        return self._broken


watch = Watch()
