"""How a case ends if nobody does anything: the day, and what is done then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from apps.dunning.decision import GiveUp, PlannedTry, RetryAt, WaitForCustomer
from apps.dunning.facts import CaseFacts
from apps.dunning.policy import as_if_declined, next_step
from apps.dunning.rules import MAX_TRIES, RetryRules


@dataclass(frozen=True, slots=True)
class Course:
    """What still happens if each try fails for the same reason as the last one did.

    `tries` are Recoup's own, soonest first. `ends_at` is when it gives up, and `end` what it does
    then; both None while Stripe retries, who says nothing beyond its next try.
    """

    tries: tuple[PlannedTry, ...]
    ends_at: datetime | None = None
    end: GiveUp | None = None


def course(*, facts: CaseFacts, rules: RetryRules, now: datetime) -> Course:
    """Follow a case from one decision to the next until it is given up."""
    tries: list[PlannedTry] = []
    last = facts.last_failure
    for _ in range(2 * MAX_TRIES):
        step = next_step(facts=facts, rules=rules, now=now)
        if isinstance(step, GiveUp):
            return Course(tuple(tries), now, step)
        if isinstance(step, WaitForCustomer):
            now = step.until
        elif isinstance(step, RetryAt):
            tries.append(PlannedTry(step.due_at, step.number, step.reasons, step.method))
            now = step.due_at
            facts = as_if_declined(facts, step, last.decline if last else None)
        else:
            break
    return Course(tuple(tries))


def with_first_try_only(facts: CaseFacts) -> CaseFacts:
    """Return the facts as they were when the first charge had just failed."""
    first = min(facts.tries, key=lambda one: one.at, default=None)
    tries = (first,) if first else ()
    return replace(facts, tries=tries, retries_made=0, card_tries=tuple(one.at for one in tries))
