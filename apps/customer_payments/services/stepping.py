"""Carry out the steps whose time has come: the rows are the queue."""

import datetime as dt

from django.db import transaction

from apps.customer_payments.models import Access, AccessStep
from apps.customer_payments.services.changing import change
from apps.customer_payments.services.facts import (
    access_facts,
    first_failure,
    has_bought_again,
    lock_case,
    planned,
)
from apps.customer_payments.services.settings import settings_for
from apps.dunning.access import ORDER, State, decide
from apps.recovery.models import RecoveryCase
from apps.recovery.services import refresh_case
from apps.stripe_gateway.errors import GatewayError
from apps.subscriptions.models import Subscription

Status = AccessStep.Status

ASK_AGAIN = dt.timedelta(minutes=5)
HELD_AGAIN = dt.timedelta(hours=1)
"""How soon after its release a case on hold takes the steps that came due meanwhile."""

"""When a step comes back whose payment is under way."""

FRESH = dt.timedelta(minutes=10)
"""How old what we know of an invoice may be when access is taken for it."""

LOOK_AGAIN, LOOK_AT_LEAST = dt.timedelta(minutes=1), dt.timedelta(hours=1)
"""How soon an end that does not show yet is looked for: often at first, then every hour."""

END_SHOWS_WITHIN = dt.timedelta(days=2)
"""How long a subscription that was canceled may take to show as ended; then it goes on."""

OVER = (Subscription.Status.CANCELED, Subscription.Status.INCOMPLETE_EXPIRED)


def due_steps(*, now: dt.datetime, limit: int = 500) -> list[int]:
    """Give the ids of steps whose time has come, longest due first."""
    return list(
        AccessStep.objects.due(now=now)
        .order_by("due_at", "id")
        .values_list("pk", flat=True)[:limit]
    )


def carry_out_step(*, step_id: int, now: dt.datetime) -> bool:
    """Take one due step, unless the payment came in, is under way, or a person said otherwise.

    What was not read lately is read first: a payment whose webhook is late counts. Safe from two
    workers and safe to repeat: the case's lock lets one in, and a step is taken only while it is
    planned. True if it was settled.
    """
    found = AccessStep.objects.select_related("case__merchant").get(pk=step_id)
    case_id = found.case_id
    # No transaction is open here: a slow Stripe must not hold a lock.
    if found.status == Status.PLANNED and not _was_read(found.case, step=found, now=now):
        AccessStep.objects.due(now=now).filter(pk=step_id).update(due_at=now + ASK_AGAIN)
        return False
    with transaction.atomic(durable=True):
        case = lock_case(case_id)
        step = AccessStep.objects.due(now=now).filter(pk=step_id).first()
        if step is None:
            return False
        return take(case=case, step=step, now=now)


def take(
    *, case: RecoveryCase, step: AccessStep, now: dt.datetime, case_event_id: int | None = None
) -> bool:
    """Take a due step; the caller holds the case's lock. True if it was settled."""
    access = Access.objects.select_for_update().get(pk=step.access_id)
    if step.state == AccessStep.State.ENDED:
        return _take_end(case=case, access=access, step=step, now=now)
    if case.held_at is not None:
        step.due_at = now + HELD_AGAIN
        step.save(update_fields=["due_at"])
        return False
    rules = settings_for(case.merchant).rules
    if rules.revoke == "never" or not rules.covers(case.stripe_product_id):
        return _settle(step, Status.DROPPED, now, "The settings revoke no access any more.")
    if access.state == Access.State.REVOKED:
        return _settle(step, Status.DROPPED, now, "Access was revoked already.")
    facts = access_facts(case=case, failed_at=first_failure(case))
    current: State = "granted" if access.state == Access.State.KEPT else access_state(access)
    steps = list(case.access_steps.filter(status=Status.PLANNED))
    decision = decide(facts=facts, steps=planned(steps), now=now, current=current)
    if decision.code == "under_way":
        step.due_at = now + ASK_AGAIN
        step.save(update_fields=["due_at"])
        return False
    if decision.code != "unpaid":
        return _settle(step, Status.DROPPED, now, decision.why)
    reached = ORDER.index(decision.state)
    for one in steps:
        if one.state != AccessStep.State.ENDED and ORDER.index(_rung(one)) <= reached:
            _settle(one, Status.DONE, now)
    access.revoked_by_case_id = case.pk
    change(
        access=access,
        state=Access.State(decision.state),
        reason=decision.why,
        now=now,
        case=case,
        key=f"access_{decision.state}:{step.pk}",
        case_event_id=case_event_id,
    )
    return True


def _was_read(case: RecoveryCase, *, step: AccessStep, now: dt.datetime) -> bool:
    """Make sure that the invoice was read within FRESH; False where Stripe does not answer."""
    if step.state in (AccessStep.State.BANNER, AccessStep.State.ENDED):
        return True  # nothing is taken, or the case is over
    if case.checked_at is not None and now - case.checked_at <= FRESH:
        return True
    try:
        refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
    except GatewayError:
        return False
    return True


def access_state(access: Access) -> State:
    """Give the rung an access stands on."""
    return next(state for state in ORDER if state == access.state)


def _take_end(*, case: RecoveryCase, access: Access, step: AccessStep, now: dt.datetime) -> bool:
    """Do what the merchant chose for a subscription that ended after a failed payment."""
    settings = settings_for(case.merchant)
    row = Subscription.objects.filter(
        merchant=case.merchant, stripe_subscription_id=case.stripe_subscription_id
    ).first()
    if case.status not in (RecoveryCase.Status.LOST, RecoveryCase.Status.STOPPED):
        return _settle(step, Status.DROPPED, now, "The case is open or paid again.")
    if row is None or row.status not in OVER:
        if now >= step.planned_at + END_SHOWS_WITHIN or (
            row is not None and row.status == Subscription.Status.COMPLETED
        ):
            return _settle(step, Status.DROPPED, now, "The subscription goes on.")
        step.due_at = now + min(max(LOOK_AGAIN, now - step.planned_at), LOOK_AT_LEAST)
        step.save(update_fields=["due_at"])
        return False
    if settings.version == 0 or has_bought_again(case):
        return _settle(step, Status.DROPPED, now, "Nothing was chosen, or it was bought again.")
    _settle(step, Status.DONE, now)
    if settings.rules.at_end == "keep":
        if access.state in (Access.State.GRANTED, Access.State.BANNER):
            access.revoked_by_case_id = None
            state, reason = Access.State.KEPT, "Your settings keep it."
            change(
                access=access, state=state, reason=reason, now=now, case=case, key=f"kept:{step.pk}"
            )
        return True
    if access.state != Access.State.REVOKED:
        access.revoked_by_case_id = case.pk
        change(
            access=access,
            state=Access.State.REVOKED,
            reason="The subscription ended.",
            now=now,
            case=case,
            key=f"access_ended:{step.pk}",
        )
    return True


def _rung(step: AccessStep) -> State:
    return next(state for state in ORDER if state == step.state)


def _settle(step: AccessStep, status: AccessStep.Status, now: dt.datetime, note: str = "") -> bool:
    step.status, step.settled_at, step.note = status, now, note[:300]
    step.save(update_fields=["status", "settled_at", "note"])
    return True
