"""The sequence of one failed payment: what is written next, when, or why nothing.

It has its own clock, beside that of the tries. A silent try that is due soon goes first; then mails
grow firmer. They end the moment there is nothing left to pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.dunning.mails.facts import Address, MailFacts
from apps.dunning.mails.hours import after_the_night
from apps.dunning.mails.kinds import REMINDERS, MailKind
from apps.dunning.mails.rules import MailRules

WEEK = timedelta(days=7)
APART = timedelta(days=2)
"""Two steps of one sequence stand at least so far apart, however late the first was."""

AFTER_A_TRY = timedelta(hours=1)
LONGEST_SILENCE = timedelta(days=3)
"""However many silent tries come one after the other: then the customer is told."""


@dataclass(frozen=True, slots=True)
class Step:
    """One mail of the sequence. `name` is unique in it."""

    kind: MailKind
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Write:
    """Write this step at `at`; it is due once that has come. `why` tells what moved it, if any."""

    step: Step
    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Write nothing. `code` is stable, `text` is for the merchant."""

    code: str
    text: str


def next_mail(*, facts: MailFacts, rules: MailRules, now: datetime) -> Write | Silence:
    """Decide the next mail of the sequence.

    Asked again right before sending, with fresh facts: what is due then is sent, else it waits or
    is dropped.
    """
    stop = _stopped(facts)
    if stop is not None:
        return stop
    done = {one.step for one in facts.sent}
    left = [step for step in sequence(facts=facts, rules=rules) if step.name not in done]
    if not left and facts.address == "no_reminders":
        return Silence("no_reminders", "The customer wants no reminders.")
    if not left:
        return Silence("done", "All emails of the sequence were sent, or they are off.")
    step = left[0]
    at, why = _moment(step=step, facts=facts, rules=rules, now=now)
    if facts.ends_at is not None and at > facts.ends_at and step.kind != MailKind.CONFIRM:
        return Silence("too_late", "The recovery ends before the next email would go out.")
    return Write(step=step, at=at, why=why)


def sequence(*, facts: MailFacts, rules: MailRules) -> list[Step]:
    """Return the steps that are switched on, soonest first, whether written already or not."""
    failed_at, needed_at = facts.failed_at, facts.needed_at or facts.failed_at
    steps: list[Step] = []
    if facts.need == "confirm":
        steps.append(Step(MailKind.CONFIRM, "confirm", needed_at))
        steps += [
            Step(MailKind.CONFIRM_REMINDER, f"confirm_reminder_{number}", needed_at + _days(days))
            for number, days in enumerate(rules.confirm_days, start=1)
        ]
    else:
        steps += [
            Step(kind, kind.value, failed_at + _days(rules.days_of(kind)))
            for kind in (MailKind.FAILED_1, MailKind.FAILED_2, MailKind.FAILED_3)
        ]
    steps = [step for step in steps if is_wanted(step, facts.address)]
    on = [step for step in steps if rules.is_on(step.kind, since=facts.failed_at)]
    if facts.ends_at is not None and rules.is_on(MailKind.FINAL_NOTICE, since=facts.failed_at):
        notice = facts.ends_at - _days(rules.days_of(MailKind.FINAL_NOTICE))
        last = Step(MailKind.FINAL_NOTICE, "final_notice", max(notice, failed_at))
        # Nothing milder comes after the last word.
        on = [step for step in on if step.at < last.at]
        on.append(last)
    return on


def is_wanted(step: Step, address: Address) -> bool:
    """Tell whether a customer lets this step come, though they may have done without reminders."""
    return address != "no_reminders" or step.kind not in REMINDERS


def _stopped(facts: MailFacts) -> Silence | None:
    if not facts.is_open:
        return Silence("closed", "The case is closed.")
    if not facts.is_live:
        return Silence("imported", "Brought in from Stripe: nobody is written to.")
    if not facts.is_automatic:
        return Silence("sent_invoice", "A sent invoice gets reminders instead.")
    if facts.is_processing:
        return Silence("processing", "The bank is working on the payment.")
    if facts.address == "missing":
        return Silence("no_address", "The customer has no email address.")
    if facts.address == "bounced":
        return Silence("bounced", "Mail to the customer came back. Check the address.")
    return None


def _moment(
    *, step: Step, facts: MailFacts, rules: MailRules, now: datetime
) -> tuple[datetime, str]:
    """Move a step behind a silent try, behind other mails, and out of the night."""
    at, why = max(step.at, facts.failed_at), ""
    if facts.sent:
        at = max(at, max(one.at for one in facts.sent) + _apart(step, rules))
    silent_until = _silent_until(step=step, facts=facts, rules=rules, at=max(at, now))
    if silent_until is not None and silent_until > at:
        at, why = silent_until, "A silent try is due first."
    if step.kind != MailKind.CONFIRM:
        free = free_for_person(facts.to_person, rules=rules, at=max(at, now))
        if free > max(at, now):
            at, why = free, "Not more emails to one person in a week."
    awake = after_the_night(
        max(at, now), zone=facts.zone, quiet_from=rules.quiet_from, quiet_until=rules.quiet_until
    )
    if awake > max(at, now):
        at, why = awake, "Quiet hours where the customer lives."
    return at, why


def _apart(step: Step, rules: MailRules) -> timedelta:
    reminds = step.kind in (MailKind.CONFIRM, MailKind.CONFIRM_REMINDER)
    return rules.daily_gap if reminds else APART


def _silent_until(
    *, step: Step, facts: MailFacts, rules: MailRules, at: datetime
) -> datetime | None:
    if facts.sent or facts.need != "retry" or facts.next_try_at is None:
        return None
    if step.kind not in (MailKind.FAILED_1, MailKind.FAILED_2, MailKind.FAILED_3):
        return None
    soon = facts.next_try_at <= at + rules.silent_first
    told_by = facts.failed_at + LONGEST_SILENCE
    return min(facts.next_try_at + AFTER_A_TRY, told_by) if soon else None


def free_for_person(times: tuple[datetime, ...], *, rules: MailRules, at: datetime) -> datetime:
    """Return the first moment from `at` on when one more mail keeps the week's cap and the gap."""
    recent = sorted(time for time in times if time > at - WEEK)
    if recent:
        at = max(at, recent[-1] + rules.daily_gap)
    if len(recent) >= rules.weekly_cap:
        at = max(at, recent[len(recent) - rules.weekly_cap] + WEEK)
    return at


def _days(count: int) -> timedelta:
    return timedelta(days=count)
