"""What a person does to a case: retry now, stop, open again."""

import datetime as dt
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.rules import RetryRules
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.queries.checks import retry_blocked
from apps.recovery.services.attempts import LEASE
from apps.recovery.services.closing import close_case, reopen_case
from apps.recovery.services.events import append_event
from apps.recovery.services.observing import refresh_case
from apps.recovery.services.planning import next_number
from apps.recovery.services.turns import wait_for_others
from apps.stripe_gateway.errors import GatewayError

OTHER_CHARGE = "Another payment of this customer is being charged. Try again in two minutes."


class NotNow(Exception):
    """The action is not possible in the case's present state; the text says why."""


@dataclass(frozen=True, slots=True)
class Started:
    """A manual retry that is claimed and committed; a worker carries it out."""

    attempt_id: int


def retry_now(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> Started:
    """Commit a manual attempt, already claimed; the planned one stays unless this one succeeds.

    The worker that carries it out reads the invoice again and passes every guard rail.

    Raises:
        NotNow: a charge is under way, or a rule forbids one.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    try:
        with transaction.atomic(durable=True):
            case = lock_case_of(merchant=merchant, case_id=case_id)
            blocked = retry_blocked(case=case, now=now)
            if blocked:
                raise NotNow(blocked)
            if wait_for_others(case=case, now=now):
                raise NotNow(OTHER_CHARGE)
            attempt = Attempt.objects.create(
                case=case,
                number=next_number(case),
                status=Attempt.Status.RUNNING,
                due_at=now,
                trigger=Attempt.Trigger.MANUAL,
                asked_by=user.email,
                reasons=[{"code": "manual", "text": f"Asked for by {user.display_name}."}],
                claimed_at=now,
                lease_until=timezone.now() + LEASE,
            )
            append_event(
                case=case,
                kind=CaseEvent.Kind.MANUAL_RETRY,
                key=f"manual:{attempt.number}",
                at=now,
                actor=user.email,
                text="Retry now was asked for.",
                data={"attempt": attempt.number},
            )
            _audit(case=case, user=user, action="case.retry_now", now=now)
    except IntegrityError as error:
        raise NotNow("A charge is under way already.") from error
    return Started(attempt_id=attempt.pk)


def stop_case(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> None:
    """Stop recovering: nothing more is tried. Nothing changes at Stripe.

    Raises:
        NotNow: the case is closed, or a charge is under way.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = lock_case_of(merchant=merchant, case_id=case_id)
        if case.status != RecoveryCase.Status.OPEN:
            raise NotNow("This case is closed already.")
        if case.attempts.unsettled().exists():
            raise NotNow("A charge is under way. Wait for its result, then stop.")
        close_case(
            case=case,
            status=RecoveryCase.Status.STOPPED,
            reason=RecoveryCase.EndReason.STOPPED_BY_PERSON,
            at=now,
            now=now,
            actor=user.email,
            text=f"Stopped by {user.display_name}.",
        )
        _audit(case=case, user=user, action="case.stop", now=now)


def reopen(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> None:
    """Open a case again that a person stopped, while its schedule still has time.

    A lost case needs no opening: if the customer pays after all, it counts as recovered.

    Raises:
        NotNow: it was not stopped by a person, its time is over, Stripe cannot be asked, or the
            invoice is closed.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = lock_case_of(merchant=merchant, case_id=case_id)
        if case.end_reason != RecoveryCase.EndReason.STOPPED_BY_PERSON:
            raise NotNow("Only a case that a person stopped can be opened again.")
        if now >= case.failed_at + RetryRules.from_json(case.rules).horizon:
            raise NotNow("The time of its schedule is over; nothing more would be tried.")
        reopen_case(
            case=case, now=now, text=f"Opened again by {user.display_name}.", actor=user.email
        )
        if case.engine == RecoveryCase.Engine.RECOUP:
            case.takeover = RecoveryCase.Takeover.WANTED
        case.decide_by = now
        case.save()
        _audit(case=case, user=user, action="case.reopen", now=now)
    try:
        refreshed = refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
    except GatewayError as error:
        raise NotNow("Stripe does not answer; the case is read again in a minute.") from error
    if refreshed is not None and refreshed.status != RecoveryCase.Status.OPEN:
        raise NotNow(f"The invoice is closed: {refreshed.get_end_reason_display().lower()}.")


def lock_case_of(*, merchant: Merchant, case_id: int) -> RecoveryCase:
    """Lock one case of this merchant for the rest of the transaction.

    Raises:
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    return (
        RecoveryCase.objects.for_merchant(merchant)
        .select_for_update(of=("self",))
        .select_related("merchant")
        .get(pk=case_id)
    )


def _audit(*, case: RecoveryCase, user: User, action: str, now: dt.datetime) -> None:
    record_audit(
        merchant=case.merchant, user=user, action=action, at=now, subject=case.stripe_invoice_id
    )
