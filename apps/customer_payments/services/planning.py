"""Keep the steps a failure leads to, and let go of those that are not needed any more."""

import datetime as dt
from collections.abc import Sequence

from apps.customer_payments.models import Access, AccessStep, CustomerPaymentSettings
from apps.customer_payments.services.changing import access_of
from apps.customer_payments.services.facts import access_facts
from apps.dunning.access import PlannedStep, plan_steps
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event
from apps.web.formats import format_date

_WHAT = {"banner": "a notice", "limited": "limited", "revoked": "revoked"}


def plan(
    *,
    case: RecoveryCase,
    settings: CustomerPaymentSettings,
    failed_at: dt.datetime | None,
    now: dt.datetime,
) -> list[AccessStep]:
    """Plan what this failure does to access and say so on the timeline; give the new steps.

    None where access is revoked already: what a person took stays theirs, and what another
    case took passes to this one when that is paid. None where a person decided since the case
    opened. The caller holds the case's lock.
    """
    facts = access_facts(case=case, failed_at=failed_at)
    steps = plan_steps(facts=facts, rules=settings.rules)
    if not steps or not facts.is_owed:
        return []
    access = access_of(case=case, now=now)
    by_a_person = not access.is_automatic and access.changed_at >= case.opened_at
    if access.state == Access.State.REVOKED or by_a_person:
        return []
    if access.stripe_subscription_id != case.stripe_subscription_id:
        # Bought again since: the subscription that fails now is the one that pays for it.
        access.stripe_subscription_id = case.stripe_subscription_id
        access.save(update_fields=["stripe_subscription_id"])
    rows = [
        AccessStep(
            access=access,
            case=case,
            state=step.state,
            due_at=step.due_at,
            why=step.why,
            planned_at=now,
        )
        for step in steps
    ]
    AccessStep.objects.bulk_create(rows, ignore_conflicts=True)
    if any(step.due_at > now for step in steps):
        _say(case=case, steps=steps, now=now)
    return list(case.access_steps.filter(status=AccessStep.Status.PLANNED))


def drop(*, case: RecoveryCase, note: str, now: dt.datetime) -> int:
    """Let go of what is still planned for a case, held steps too; give how many."""
    return case.access_steps.waiting().update(
        status=AccessStep.Status.DROPPED, settled_at=now, note=note[:300]
    )


def _say(*, case: RecoveryCase, steps: Sequence[PlannedStep], now: dt.datetime) -> None:
    merchant = case.merchant
    parts = [
        f"{_WHAT[step.state]} on "
        f"{format_date(step.due_at, zone=merchant.zone, locale=merchant.locale, now=now)}"
        for step in steps
    ]
    number = case.events.filter(kind=CaseEvent.Kind.ACCESS_PLANNED).count() + 1
    append_event(
        case=case,
        kind=CaseEvent.Kind.ACCESS_PLANNED,
        key=f"access_planned:{number}",
        at=now,
        text=f"While it stays unpaid, access is {', then '.join(parts)}.".replace(
            "access is a notice", "access goes on with a notice"
        ),
        data={
            "steps": [{"state": step.state, "due_at": step.due_at.isoformat()} for step in steps]
        },
    )
