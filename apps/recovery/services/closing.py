"""How a case ends, and how it opens again."""

import datetime as dt

from django.db.models import Q

from apps.dunning.words import method_name
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event
from apps.recovery.services.methods import NETWORK, fixed_before
from apps.recovery.services.planning import skip_attempt
from apps.stripe_gateway.facts import InvoiceFacts

Kind = CaseEvent.Kind

EVENT_OF = {
    RecoveryCase.Status.RECOVERED: Kind.RECOVERED,
    RecoveryCase.Status.LOST: Kind.LOST,
    RecoveryCase.Status.STOPPED: Kind.STOPPED,
}


def end_of(
    invoice: InvoiceFacts, case: RecoveryCase
) -> tuple[RecoveryCase.Status, RecoveryCase.EndReason] | None:
    """Say whether what Stripe shows ends the case, and how; None while it goes on."""
    if invoice.status == "paid":
        paid_by_charge = any(one.status == "succeeded" for one in invoice.tries)
        if paid_by_charge and not invoice.paid_out_of_band:
            return RecoveryCase.Status.RECOVERED, RecoveryCase.EndReason.PAID
        return RecoveryCase.Status.STOPPED, RecoveryCase.EndReason.PAID_ELSEWHERE
    if invoice.status == "void":
        return RecoveryCase.Status.LOST, RecoveryCase.EndReason.VOIDED
    if invoice.status == "uncollectible":
        return RecoveryCase.Status.LOST, RecoveryCase.EndReason.UNCOLLECTIBLE
    subscription = invoice.subscription
    if subscription and subscription.standing == "canceled" and not _is_ending(case):
        by_stripe = subscription.cancellation_reason in ("payment_failed", "payment_disputed")
        if by_stripe or _is_ended_by_another(case):
            return RecoveryCase.Status.LOST, RecoveryCase.EndReason.CANCELED_FOR_NONPAYMENT
        return RecoveryCase.Status.STOPPED, RecoveryCase.EndReason.CANCELED_BY_CUSTOMER
    return None


def _is_ending(case: RecoveryCase) -> bool:
    """Tell whether our own final action is under way: its job closes the case when all is done."""
    return (
        case.status == RecoveryCase.Status.OPEN and case.next_step == RecoveryCase.Step.FINAL_ACTION
    )


def _is_ended_by_another(case: RecoveryCase) -> bool:
    """Tell whether we canceled the subscription ourselves, at the end of another invoice's tries."""
    given_up = Q(end_reason=RecoveryCase.EndReason.TRIES_USED_UP)
    being_ended = Q(status=RecoveryCase.Status.OPEN, next_step=RecoveryCase.Step.FINAL_ACTION)
    return (
        RecoveryCase.objects.filter(
            given_up | being_ended,
            merchant_id=case.merchant_id,
            stripe_subscription_id=case.stripe_subscription_id,
            events__kind=Kind.FINAL_ACTION,
            events__data__action="cancel",
        )
        .exclude(pk=case.pk)
        .exists()
    )


def close_case(
    *,
    case: RecoveryCase,
    status: RecoveryCase.Status,
    reason: RecoveryCase.EndReason,
    at: dt.datetime,
    now: dt.datetime,
    invoice: InvoiceFacts | None = None,
    actor: str = "Recoup",
    text: str = "",
) -> None:
    """Close a case, or move a closed one to another end (a lost invoice was paid after all).

    The caller holds the case's row lock. `at` is when it ended, `now` when we learned it.
    """
    planned = case.attempts.filter(status=Attempt.Status.SCHEDULED).first()
    if planned is not None:
        skip_attempt(attempt=planned, code="case_closed", text="The case was closed.", now=now)
    case.status, case.end_reason, case.closed_at = status, reason, max(at, case.failed_at)
    case.next_step, case.next_try_at = RecoveryCase.Step.NOTHING, None
    case.decide_by, case.reasons = None, []
    case.recovered_minor = 0
    case.hold, case.held_at, case.held_by, case.hold_note = "", None, "", ""
    case.write_off_key = None
    data: dict[str, object] = {"end_reason": reason}
    if status == RecoveryCase.Status.RECOVERED:
        case.recovered_minor = invoice.amount_paid.minor if invoice else case.amount_due_minor
        data |= _recovery_data(case=case, invoice=invoice)
        text = text or _recovered_text(case=case, data=data)
    case.save()
    append_event(
        case=case,
        kind=EVENT_OF[status],
        key=f"{status}:{case.events.filter(kind=EVENT_OF[status]).count() + 1}",
        at=case.closed_at,
        text=text or f"{status.label}: {reason.label.lower()}.",
        data=data,
        actor=actor,
    )


def reopen_case(*, case: RecoveryCase, now: dt.datetime, text: str, actor: str = "Recoup") -> None:
    """Open a closed case again; its history stays. The caller holds the lock and plans it."""
    case.status, case.end_reason, case.closed_at = RecoveryCase.Status.OPEN, "", None
    case.recovered_minor = 0
    append_event(
        case=case,
        kind=Kind.REOPENED,
        key=f"reopened:{case.events.filter(kind=Kind.REOPENED).count() + 1}",
        at=now,
        text=text,
        actor=actor,
    )


def _recovery_data(*, case: RecoveryCase, invoice: InvoiceFacts | None) -> dict[str, object]:
    """Note what paid, and that the billing date did not move."""
    paid_by = (
        Try.objects.filter(
            merchant_id=case.merchant_id,
            stripe_invoice_id=case.stripe_invoice_id,
            status=Try.Status.SUCCEEDED,
        )
        .select_related("attempt")
        .last()
    )
    attempt = paid_by.attempt if paid_by else None
    fixed = fixed_before(attempt) if attempt else None
    subscription = invoice.subscription if invoice else None
    next_payment = subscription.current_period_end if subscription else None
    return {
        "charge": paid_by.stripe_charge_id if paid_by else "",
        "attempt": attempt.number if attempt else None,
        "asked_by": attempt.asked_by if attempt else "",
        "trigger": attempt.trigger if attempt else "",
        "card": (
            method_name(paid_by.method_brand or paid_by.method_type, paid_by.method_last4)
            if paid_by
            else ""
        ),
        "fixed_at": _iso(fixed.at if fixed else None),
        "fixed_by": fixed.actor if fixed else "",
        "amount_minor": case.recovered_minor,
        "currency": case.currency,
        "billing_date_before": _iso(case.billing_date_before),
        "next_payment_at": _iso(next_payment),
    }


def _fixed_text(*, case: RecoveryCase, data: dict[str, object]) -> str:
    """Say in one line when the card was mended and when it paid, on the merchant's clock."""
    zone = case.merchant.zone
    fixed_at = dt.datetime.fromisoformat(str(data["fixed_at"])).astimezone(zone)
    paid_at = (case.closed_at or fixed_at).astimezone(zone)
    who = "card network" if data["fixed_by"] == NETWORK else "customer"
    same_day = fixed_at.date() == paid_at.date()
    paid = f"{paid_at:%H:%M}" if same_day else f"on {paid_at:%d %b} at {paid_at:%H:%M}"
    return f"Fixed by the {who} at {fixed_at:%H:%M}, paid {paid}."


def _recovered_text(*, case: RecoveryCase, data: dict[str, object]) -> str:
    if data["fixed_at"]:
        return _fixed_text(case=case, data=data)
    days = ((case.closed_at or case.failed_at) - case.failed_at).days
    after = "the same day" if days == 0 else f"after {days} day{'' if days == 1 else 's'}"
    how = f", retry {data['attempt']}" if data["attempt"] else ""
    if data["trigger"] == Attempt.Trigger.BACKUP:
        how += f", with the backup card {data['card']}"
    return f"Recovered {after}{how}."


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
