"""What is known about a case when its access is decided."""

import datetime as dt
from typing import cast

from apps.customer_payments.models import AccessStep
from apps.dunning.access import AccessFacts, PlannedStep, State
from apps.dunning.codes import lookup
from apps.dunning.facts import Decline
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.subscriptions.models import Subscription

Status, EndReason, Step = RecoveryCase.Status, RecoveryCase.EndReason, RecoveryCase.Step

USED_UP = (
    EndReason.TRIES_USED_UP,
    EndReason.UNCOLLECTIBLE,
    EndReason.CANCELED_FOR_NONPAYMENT,
)
RUNNING = (Subscription.Status.ACTIVE, Subscription.Status.TRIALING)
UNDER_WAY = (Step.PROCESSING, Step.CHECKING)
FAILURES = (CaseEvent.Kind.OPENED, CaseEvent.Kind.TRY_FAILED)


def access_facts(
    *,
    case: RecoveryCase,
    failed_at: dt.datetime | None,
    bought_again: bool | None = None,
    unsettled: bool | None = None,
) -> AccessFacts:
    """Gather what a decision needs; the caller holds the case's lock. One or two queries.

    None where `bought_again` and `unsettled` given as known spare them, for many cases at once.
    """
    if bought_again is None:
        bought_again = has_bought_again(case)
    if unsettled is None:
        unsettled = case.attempts.unsettled().exists()
    used_up = case.status == Status.LOST and case.end_reason in USED_UP
    return AccessFacts(
        offer=case.stripe_product_id,
        reason=reason_group(case),
        failed_at=failed_at,
        used_up_at=case.closed_at if used_up else None,
        is_covered=case.kind != RecoveryCase.Kind.ONE_OFF and bool(case.stripe_subscription_id),
        is_owed=(case.status == Status.OPEN or used_up) and not bought_again,
        under_way=case.status == Status.OPEN
        and (case.next_step in UNDER_WAY or bool(case.seen.get("processing")) or unsettled),
    )


def first_failure(case: RecoveryCase) -> dt.datetime | None:
    """Say when the first failure happened that counts for access; None while there is none.

    A charge that asks for 3-D Secure does not count, nor does what an import brought in.
    """
    return first_of(list(case.events.filter(kind__in=FAILURES)))


def first_of(events: list[CaseEvent]) -> dt.datetime | None:
    """Say the same of a case whose events of the kinds FAILURES are known."""
    has_tries = any(event.kind == CaseEvent.Kind.TRY_FAILED for event in events)
    times = [
        event.at
        for event in events
        if not event.is_silent
        and event.data.get("counts_as_failure")
        and _counts(event, has_tries=has_tries)
    ]
    return min(times, default=None)


def reason_group(case: RecoveryCase) -> str:
    """Name the group of the last decline; "none" where no card could be charged."""
    decline = Decline(code=case.last_failure_code, decline_code=case.last_decline_code)
    return lookup(decline).group if decline.reason else "none"


def has_bought_again(case: RecoveryCase) -> bool:
    """Say whether the customer pays for the same offer by another subscription."""
    if not case.stripe_product_id:
        return False
    return (
        Subscription.objects.filter(
            merchant_id=case.merchant_id,
            stripe_customer_id=case.stripe_customer_id,
            stripe_product_id=case.stripe_product_id,
            status__in=RUNNING,
        )
        .exclude(stripe_subscription_id=case.stripe_subscription_id)
        .exists()
    )


def planned(steps: list[AccessStep]) -> list[PlannedStep]:
    """Give kept steps as the decision reads them; held ones are not among them."""
    return [
        PlannedStep(cast("State", step.state), step.due_at, step.why)
        for step in steps
        if step.status == AccessStep.Status.PLANNED and step.state != AccessStep.State.ENDED
    ]


def lock_case(case_id: int) -> RecoveryCase:
    """Lock a case for the rest of the transaction. Cases are locked before accesses."""
    return (
        RecoveryCase.objects.select_for_update(of=("self",))
        .select_related("merchant")
        .get(pk=case_id)
    )


def _counts(event: CaseEvent, *, has_tries: bool) -> bool:
    if event.kind == CaseEvent.Kind.OPENED:
        return not has_tries  # a try says more exactly why it failed
    code = str(event.data.get("code", ""))
    return not lookup(Decline("", code)).needs_authentication
