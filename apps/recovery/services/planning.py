"""Ask the policy what comes next and keep its answer: the next attempt, a wait, or the end."""

import datetime as dt
import uuid
from collections.abc import Sequence

from apps.dunning.decision import (
    Decision,
    GiveUp,
    LeaveToStripe,
    Reason,
    RetryAt,
    WaitForCustomer,
    WaitForTurn,
)
from apps.dunning.facts import CaseFacts
from apps.dunning.guards import block_on
from apps.dunning.policy import next_step
from apps.dunning.rules import RetryRules
from apps.recovery.facts import Seen, case_facts
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event
from apps.recovery.services.methods import note_new_method
from apps.stripe_gateway.facts import InvoiceFacts

LOOK_AGAIN = dt.timedelta(hours=24)
"""How long a case goes without being read when nothing else is due: webhooks may be lost."""

TRIGGER_OF_REASON = {
    "card_changed": Attempt.Trigger.METHOD_CHANGED,
    "customer_confirmed": Attempt.Trigger.CUSTOMER_CONFIRMED,
    "backup_method": Attempt.Trigger.BACKUP,
}
"""Reasons of a try outside the schedule, as the policy names them."""


def plan_case(
    *, case: RecoveryCase, invoice: InvoiceFacts, now: dt.datetime, tries: Sequence[Try]
) -> None:
    """Decide the next step of an open case and store it.

    The caller holds the case's row lock, has recorded the tries of `invoice` (`tries` are those of
    `tries_of`), and saves nothing else of the case afterwards. Nothing is decided while an attempt
    is unsettled.
    """
    seen = Seen.of(invoice)
    case.seen = seen.to_json()
    waiting = list(case.attempts.filter(status__in=(*Attempt.UNSETTLED, Attempt.Status.SCHEDULED)))
    unsettled = next((one for one in waiting if one.status in Attempt.UNSETTLED), None)
    planned = next((one for one in waiting if one.status == Attempt.Status.SCHEDULED), None)
    if unsettled is not None:
        _show_unsettled(case, unsettled, now)
    elif case.write_off_key is not None and not invoice.processing:
        show_write_off(case, now=now)
    elif case.held_at is not None:
        show_held(case, now=now)
    else:
        facts = case_facts(case=case, seen=seen, now=now, kept=tries)
        decision = next_step(facts=facts, rules=RetryRules.from_json(case.rules), now=now)
        _keep(case=case, decision=decision, planned=planned, now=now)
        if facts.behind_another and isinstance(decision, WaitForCustomer):
            _offer(case=case, facts=facts, now=now)
    case.save()


def show_write_off(
    case: RecoveryCase, *, now: dt.datetime, why: str = "A person marks this uncollectible."
) -> None:
    """Let a case whose end was decided early go there; saved by the caller.

    `why` is kept from the first time on.
    """
    planned = case.attempts.filter(status=Attempt.Status.SCHEDULED).first()
    if planned is not None:
        planned.case = case
        text = "The end of this case was decided."
        skip_attempt(attempt=planned, code="written_off", text=text, now=now)
    if case.next_step != RecoveryCase.Step.FINAL_ACTION:
        case.reasons = [{"code": "written_off", "text": why}]
    case.next_step, case.next_try_at = RecoveryCase.Step.FINAL_ACTION, None
    case.decide_by = now


def show_held(case: RecoveryCase, *, now: dt.datetime) -> None:
    """Let a case on hold say so; saved by the caller."""
    case.next_step, case.next_try_at = RecoveryCase.Step.HELD, None
    case.reasons = [{"code": "on_hold", "text": case.hold_note}]
    case.decide_by = now + LOOK_AGAIN


def reasons_json(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    """Give reasons as stored on cases and attempts."""
    return [{"code": reason.code, "text": reason.text} for reason in reasons]


def _show_unsettled(case: RecoveryCase, attempt: Attempt, now: dt.datetime) -> None:
    if attempt.status == Attempt.Status.PROCESSING:
        case.next_step = RecoveryCase.Step.PROCESSING
        text = "The bank is working on the payment; the answer takes hours or days."
    else:
        case.next_step = RecoveryCase.Step.CHECKING
        text = "A charge is under way; nothing else is tried until Stripe's answer is known."
    case.next_try_at = None
    case.reasons = [{"code": attempt.status, "text": text}]
    case.decide_by = now + LOOK_AGAIN


def _keep(
    *, case: RecoveryCase, decision: Decision, planned: Attempt | None, now: dt.datetime
) -> None:
    case.reasons = reasons_json(decision.reasons)
    case.next_try_at = None
    if isinstance(decision, RetryAt):
        _schedule(case=case, decision=decision, attempt=planned, now=now)
        return
    if planned is not None:
        # It closes with the reason why it will not be made.
        reason = decision.reasons[0]
        skip_attempt(attempt=planned, code=reason.code, text=reason.text, now=now)
    if isinstance(decision, WaitForCustomer):
        _wait(case=case, decision=decision, now=now)
    elif isinstance(decision, WaitForTurn):
        case.next_step, case.decide_by = RecoveryCase.Step.NOTHING, now + LOOK_AGAIN
    elif isinstance(decision, LeaveToStripe):
        case.next_step = RecoveryCase.Step.STRIPE
        case.next_try_at = decision.until
        case.decide_by = now + LOOK_AGAIN
    elif isinstance(decision, GiveUp):
        _end(case=case, decision=decision, now=now)


def _schedule(
    *, case: RecoveryCase, decision: RetryAt, attempt: Attempt | None, now: dt.datetime
) -> None:
    trigger = trigger_of(decision)
    if attempt is None:
        attempt = Attempt(case=case, number=next_number(case))
    elif (
        (attempt.due_at <= now or attempt.claimed_at or _is_put_off(attempt, now))
        and attempt.trigger == trigger
        and attempt.stripe_payment_method_id == decision.method
    ):
        # Due already, or put back for some minutes: planning again must not push it away.
        case.next_step, case.next_try_at = RecoveryCase.Step.RETRY, attempt.due_at
        case.decide_by = now + LOOK_AGAIN
        return
    changed = attempt.due_at != decision.due_at
    attempt.due_at = decision.due_at
    attempt.trigger = trigger
    attempt.stripe_payment_method_id = decision.method
    attempt.reasons = case.reasons
    attempt.save()
    case.next_step, case.next_try_at = RecoveryCase.Step.RETRY, attempt.due_at
    case.decide_by = now + LOOK_AGAIN
    if changed and trigger == Attempt.Trigger.METHOD_CHANGED:
        note_new_method(case=case, now=now)
    if changed:
        append_event(
            case=case,
            kind=CaseEvent.Kind.PLANNED,
            key=f"planned:{attempt.number}:{attempt.due_at.isoformat()}",
            at=now,
            text=decision.reasons[0].text,
            data={
                "attempt": attempt.number,
                "due_at": attempt.due_at.isoformat(),
                "reasons": case.reasons,
            },
        )


def _is_put_off(attempt: Attempt, now: dt.datetime) -> bool:
    return attempt.put_off_until is not None and attempt.put_off_until > now


def trigger_of(decision: RetryAt) -> Attempt.Trigger:
    """Say why a planned try is made: a step of the schedule, or something that happened."""
    if decision.method:
        return Attempt.Trigger.BACKUP
    if decision.number > 0:
        return Attempt.Trigger.SCHEDULE
    codes = {reason.code for reason in decision.reasons}
    found = (trigger for code, trigger in TRIGGER_OF_REASON.items() if code in codes)
    return next(found, Attempt.Trigger.METHOD_CHANGED)


def next_number(case: RecoveryCase) -> int:
    """Give the ordinal of the case's next attempt. The caller holds the case's row lock."""
    last = case.attempts.order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1


def skip_attempt(*, attempt: Attempt, code: str, text: str, now: dt.datetime) -> None:
    """Settle an attempt that made no charge, with a reason the merchant reads.

    The caller holds the case's row lock.
    """
    attempt.status = Attempt.Status.SKIPPED
    attempt.skip_reason = code[:64]
    attempt.note = text[:500]
    attempt.settled_at = now
    attempt.lease_until = None
    attempt.save()
    append_event(
        case=attempt.case,
        kind=CaseEvent.Kind.SKIPPED,
        key=f"skipped:{attempt.number}",
        at=now,
        text=f"Retry {attempt.number} was not made. {text}",
        data={"attempt": attempt.number, "code": code},
    )


def _end(*, case: RecoveryCase, decision: GiveUp, now: dt.datetime) -> None:
    """Commit the final action with its own key; `finishing` carries it out."""
    case.decide_by = now
    if case.next_step == RecoveryCase.Step.FINAL_ACTION:
        return
    case.next_step = RecoveryCase.Step.FINAL_ACTION
    append_event(
        case=case,
        kind=CaseEvent.Kind.FINAL_ACTION,
        key=f"final_action:{case.events.filter(kind=CaseEvent.Kind.FINAL_ACTION).count() + 1}",
        at=now,
        text=decision.reasons[0].text,
        data={
            "action": decision.final_action,
            "invoice_action": decision.invoice_action,
            "key": str(uuid.uuid4()),
            "invoice_key": str(uuid.uuid4()),
        },
    )


def _wait(*, case: RecoveryCase, decision: WaitForCustomer, now: dt.datetime) -> None:
    changed = case.next_step != decision.what
    case.next_step = RecoveryCase.Step(decision.what)
    case.decide_by = min(decision.until, now + LOOK_AGAIN)
    if changed:
        append_event(
            case=case,
            kind=CaseEvent.Kind.WAITING,
            key=f"waiting:{decision.what}:{now.isoformat()}",
            at=now,
            text=decision.reasons[0].text,
            data={"what": decision.what, "until": decision.until.isoformat()},
        )


def _offer(*, case: RecoveryCase, facts: CaseFacts, now: dt.datetime) -> None:
    """Say of an older invoice that the customer did their part and a person may collect it."""
    if block_on(facts, RetryRules.from_json(case.rules), now=now) is not None:
        return
    text = "Another invoice of this subscription is collected first; retry this one by hand."
    case.next_step = RecoveryCase.Step.NOTHING
    case.reasons = [{"code": "behind_another", "text": text}]
