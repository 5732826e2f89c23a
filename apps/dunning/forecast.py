"""How a case ends if nobody does anything: the day, and what is done then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.dunning.decision import (
    CustomerNeed,
    GiveUp,
    LeaveToStripe,
    PlannedTry,
    Reason,
    RetryAt,
    WaitForCustomer,
)
from apps.dunning.facts import CaseFacts, Decline, PaymentTry
from apps.dunning.policy import as_if_declined, next_step
from apps.dunning.rules import MAX_TRIES, RetryRules


@dataclass(frozen=True, slots=True)
class Wait:
    """From `at` to `until` nothing is tried by itself: only the customer can act."""

    at: datetime
    until: datetime
    what: CustomerNeed
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """What still happens if each try fails for the same reason as the last one did.

    `tries` are Recoup's own, `provider_tries` those assumed of Stripe, soonest first. `ends_at` is
    when it is given up, and `end` what is done then; both None while Stripe retries and nothing is
    assumed of it, since it names nothing beyond its next try.
    """

    tries: tuple[PlannedTry, ...]
    ends_at: datetime | None = None
    end: GiveUp | None = None
    waits: tuple[Wait, ...] = ()
    provider_tries: tuple[datetime, ...] = ()


def course(
    *,
    facts: CaseFacts,
    rules: RetryRules,
    now: datetime,
    provider_tries: Sequence[datetime] = (),
) -> Course:
    """Follow a case from one decision to the next until it is given up.

    `provider_tries` are times assumed of Stripe's own tries, soonest first and after `now`; they
    take the place of what the facts say of its next one.
    """
    tries: list[PlannedTry] = []
    waits: list[Wait] = []
    coming = list(provider_tries)
    last = facts.last_failure
    if coming:
        facts = replace(facts, provider_next_try_at=coming[0], provider_has_retries=True)

    def found(ends_at: datetime | None = None, end: GiveUp | None = None) -> Course:
        made = tuple(provider_tries[: len(provider_tries) - len(coming)])
        return Course(tuple(tries), ends_at, end, tuple(waits), made)

    for _ in range(2 * MAX_TRIES + len(coming)):
        step = next_step(facts=facts, rules=rules, now=now)
        if isinstance(step, GiveUp):
            return found(now, step)
        if isinstance(step, WaitForCustomer):
            waits.append(Wait(now, step.until, step.what, step.reasons))
            now = step.until
        elif isinstance(step, RetryAt):
            tries.append(PlannedTry(step.due_at, step.number, step.reasons, step.method))
            now = step.due_at
            facts = as_if_declined(facts, step, last.decline if last else None)
        elif isinstance(step, LeaveToStripe) and coming:
            now = coming.pop(0)
            following = coming[0] if coming else None
            facts = _provider_declined(facts, now, last.decline if last else None, following)
        else:
            break
    return found()


def _provider_declined(
    facts: CaseFacts, at: datetime, decline: Decline | None, following: datetime | None
) -> CaseFacts:
    """Return the facts as they will be when Stripe has tried, and failed, at `at`."""
    method = facts.method
    failure = PaymentTry(
        at=at,
        succeeded=False,
        decline=decline,
        method_reference=method.reference if method else "",
        fingerprint=method.fingerprint if method else "",
        method_type=method.type if method else "card",
    )
    return replace(
        facts,
        tries=(*facts.tries, failure),
        card_tries=(*facts.card_tries, at),
        provider_next_try_at=following,
        provider_has_retries=following is not None,
    )
