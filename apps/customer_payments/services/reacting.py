"""What a case event means for access."""

import datetime as dt

from apps.customer_payments.models import Access, AccessStep, CustomerPaymentSettings
from apps.customer_payments.services.changing import access_of, change
from apps.customer_payments.services.facts import access_facts, first_failure, lock_case
from apps.customer_payments.services.planning import drop, plan
from apps.customer_payments.services.settings import settings_for
from apps.customer_payments.services.stepping import access_state, take
from apps.dunning.access import ORDER
from apps.recovery.models import CaseEvent, RecoveryCase

Kind, EndReason = CaseEvent.Kind, RecoveryCase.EndReason

FAILURES = (Kind.OPENED, Kind.TRY_FAILED, Kind.REOPENED, Kind.LOST)
PAID = (EndReason.PAID_ELSEWHERE, EndReason.BOUGHT_AGAIN)
"""Ends after which the customer pays for the offer, though not by this charge."""

ENDS = (
    EndReason.TRIES_USED_UP,
    EndReason.UNCOLLECTIBLE,
    EndReason.CANCELED_FOR_NONPAYMENT,
    EndReason.CANCELED_BY_CUSTOMER,
)


def react_to(*, event: CaseEvent, now: dt.datetime) -> None:
    """Change access, or plan its changes, as a case event asks for, at most once per event.

    The caller holds a transaction, so that access, its event and the delivery stand together. The
    case is locked first: no payment can be recorded between looking and taking.
    """
    kinds = (*FAILURES, Kind.RECOVERED, Kind.STOPPED)
    if event.is_silent or event.kind not in kinds:
        return
    case = event.case = lock_case(event.case_id)
    is_paid = case.status == RecoveryCase.Status.RECOVERED or case.end_reason in PAID
    if event.kind in (Kind.RECOVERED, Kind.STOPPED, Kind.LOST):
        if is_paid:
            give_back(case=case, event=event, now=now)
        elif case.status != RecoveryCase.Status.OPEN:
            _over(case=case, event=event, now=now)
    elif not is_paid:
        _failed(case=case, event=event, now=now)


def give_back(*, case: RecoveryCase, event: CaseEvent, now: dt.datetime) -> None:
    """Give back what this case took, unless another failed payment of the subscription holds it."""
    drop(case=case, note="The payment succeeded.", now=now)
    taken = Access.objects.select_for_update().filter(
        merchant=case.merchant, revoked_by_case_id=case.pk
    )
    for access in taken:
        other = _other_holder(case=case, access=access)
        if other is not None:
            access.revoked_by_case_id = other.pk
            access.save(update_fields=["revoked_by_case_id"])
            continue
        is_notice = access.state == Access.State.BANNER
        if not settings_for(case.merchant).grant_on_success and not is_notice:
            continue
        access.revoked_by_case_id = None
        change(
            access=access,
            state=Access.State.GRANTED,
            reason=event.text,
            now=now,
            case=case,
            key=f"access_granted:{event.pk}",
            case_event_id=event.pk,
        )


def _failed(*, case: RecoveryCase, event: CaseEvent, now: dt.datetime) -> None:
    if case.status != RecoveryCase.Status.OPEN:
        return  # it ended meanwhile; the event that says so comes next
    again = event.kind == Kind.REOPENED
    earlier = case.access_steps.exclude(state=AccessStep.State.ENDED)
    if earlier.waiting().exists() or (earlier.exists() and not again):
        return  # once per failure: what a person gave back since stays given
    failed_at = first_failure(case)
    if failed_at is not None and again:
        failed_at = event.at
    _plan_and_take(case=case, event=event, failed_at=failed_at, now=now)


def _plan_and_take(
    *, case: RecoveryCase, event: CaseEvent, failed_at: dt.datetime | None, now: dt.datetime
) -> None:
    settings = settings_for(case.merchant)
    if not _is_new(settings, failed_at or case.closed_at):
        return
    steps = plan(case=case, settings=settings, failed_at=failed_at, now=now)
    due = [step for step in steps if step.due_at <= now]
    if due:
        take(case=case, step=due[-1], now=now, case_event_id=event.pk)


def _over(*, case: RecoveryCase, event: CaseEvent, now: dt.datetime) -> None:
    """Follow a case that ended unpaid: its steps, and what the end of the subscription does."""
    facts = access_facts(case=case, failed_at=None)
    if not facts.is_covered:
        return
    if facts.used_up_at is None:
        drop(case=case, note=f"{case.get_end_reason_display()}.", now=now)
    elif not case.access_steps.exclude(state=AccessStep.State.ENDED).exists():
        _plan_and_take(case=case, event=event, failed_at=first_failure(case), now=now)
    if case.end_reason in ENDS and settings_for(case.merchant).version:
        AccessStep.objects.bulk_create(
            [
                AccessStep(
                    access=access_of(case=case, now=now),
                    case=case,
                    state=AccessStep.State.ENDED,
                    due_at=now,
                    planned_at=now,
                    why="The case ended without payment.",
                )
            ],
            ignore_conflicts=True,
        )


def _is_new(settings: CustomerPaymentSettings, failed_at: dt.datetime | None) -> bool:
    """Say whether a failure is one the settings were chosen for: older ones keep access."""
    return settings.revokes_since is None or (
        failed_at is not None and failed_at >= settings.revokes_since
    )


def _other_holder(*, case: RecoveryCase, access: Access) -> RecoveryCase | None:
    """Find another unpaid invoice of the subscription that holds at least as much of the access."""
    others = (
        RecoveryCase.objects.open()
        .filter(merchant=case.merchant, stripe_subscription_id=case.stripe_subscription_id)
        .exclude(pk=case.pk)
        .order_by("failed_at", "id")
    )
    for other in others:
        if first_failure(other) is None:
            continue  # it only waits for 3-D Secure
        steps = other.access_steps.exclude(state=AccessStep.State.ENDED)
        done = steps.filter(status=AccessStep.Status.DONE).values_list("state", flat=True)
        reached = max((ORDER.index(state) for state in ORDER if state in list(done)), default=-1)
        if not steps.exists() or reached >= ORDER.index(access_state(access)):
            return other
    return None
