"""What the last read of a case says of its future, and what speaks against an action."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from apps.accounts.queries import charging_stop
from apps.dunning.facts import CaseFacts
from apps.dunning.policy import check_before_charge
from apps.dunning.provider_notes import last_day, provider_end
from apps.dunning.rules import RetryRules
from apps.recovery.facts import Seen, case_facts
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.near import Near
from apps.retry_settings.services import stripe_notes

Status, Step = RecoveryCase.Status, RecoveryCase.Step

MAILED = ("mail_sent",)
"""Kinds of case events, of a higher floor too, that say that a mail to the customer went out."""


@dataclass(frozen=True, slots=True)
class StripeEnd:
    """By when Stripe's last try is made, by its window as noted or by default.

    `text` is what it does then, "" where that is not noted.
    """

    at: dt.datetime
    text: str
    is_noted: bool


def stored_facts(
    *, case: RecoveryCase, now: dt.datetime, near: Near | None = None
) -> CaseFacts | None:
    """Build the facts of a case from its last read, without a call; None before the first.

    `near` is what was read around the case already.
    """
    if not case.seen:
        return None
    return case_facts(case=case, seen=Seen.from_json(case.seen), now=now, near=near)


def stripe_end(
    *, case: RecoveryCase, facts: CaseFacts | None, now: dt.datetime
) -> StripeEnd | None:
    """Say when Stripe's tries for an open case end; None where it makes none, or they are over."""
    is_stripes = case.status == Status.OPEN and case.engine != RecoveryCase.Engine.RECOUP
    if not is_stripes or facts is None or not facts.provider_has_retries:
        return None
    notes = stripe_notes(case.merchant)
    at = last_day(notes, first_failed_at=case.failed_at, next_try_at=facts.provider_next_try_at)
    if at is None or at <= now:
        return None
    text = provider_end(notes, recurring=bool(case.stripe_subscription_id))
    return StripeEnd(at, text, is_noted=bool(notes.window_days))


def retry_blocked(
    *,
    case: RecoveryCase,
    now: dt.datetime,
    facts: CaseFacts | None = None,
    attempts: Iterable[Attempt] | None = None,
    is_charging: bool = False,
) -> str:
    """Say why Retry now is not possible, from what was last read; "" when it is.

    `facts` are those of `stored_facts` and `attempts` the case's own, where the caller has them
    already; `is_charging` says that charging was found to be allowed just now.
    The worker asks the same rules again with a fresh read right before the charge.
    """
    if case.status != RecoveryCase.Status.OPEN:
        return "This case is closed."
    if case.held_at is not None:
        return f"On hold. {case.hold_note}"
    if not is_charging and (stop := charging_stop(case.merchant)):
        return stop.text
    if attempts is None:
        attempts = case.attempts.unsettled()
    if any(one.status in Attempt.UNSETTLED for one in attempts):
        return "A charge is under way already."
    facts = facts or stored_facts(case=case, now=now)
    if facts is None:
        return "The invoice has not been read yet."
    rules = RetryRules.from_json(case.rules)
    blocked = check_before_charge(facts=facts, rules=rules, now=now, manual=True)
    return blocked.text if blocked else ""


def write_off_warnings(
    *,
    case: RecoveryCase,
    attempts: Iterable[Attempt] | None = None,
    events: Iterable[CaseEvent] | None = None,
) -> list[str]:
    """Say what speaks against marking an open case's invoice uncollectible; nothing when all did.

    `attempts` and `events` are the case's own, where the caller has them already.
    It is meant for when no try is planned and a person or a mail has asked for the money.
    """
    warnings = []
    if case.next_step in (Step.RETRY, Step.STRIPE):
        warnings.append("A try is still planned for this payment; it would not be made any more.")
    asked = any(
        one.trigger in Attempt.ON_THE_SPOT
        for one in (case.attempts.all() if attempts is None else attempts)
    )
    mailed = any(one.kind in MAILED for one in (case.events.all() if events is None else events))
    if not asked and not mailed:
        warnings.append("Nobody has retried this by hand, and no mail was sent to the customer.")
    return warnings
