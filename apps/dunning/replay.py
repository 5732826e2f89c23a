"""What rules would have done with a failure of the past: how often they had charged, until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from apps.dunning.facts import CaseFacts
from apps.dunning.forecast import course
from apps.dunning.rules import RetryRules


@dataclass(frozen=True, slots=True)
class PastFailure:
    """A payment as it stood when its first charge had failed, and when it was paid, if it was."""

    facts: CaseFacts
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What rules had made of it.

    `tries` are the retries due before the payment came; whether one of them had succeeded sooner
    nobody can know. `ends_at` is when it had been given up, None where that is Stripe's to say.
    `too_late` is True if the money came only after that.
    """

    tries: int
    ends_at: datetime | None
    too_late: bool


def replay(past: PastFailure, rules: RetryRules) -> Replayed:
    """Follow a past failure by rules, from its first charge on."""
    ahead = course(
        facts=past.facts,
        rules=rules.for_invoice(recurring=past.facts.recurring),
        now=past.facts.first_failed_at,
    )
    paid_at = past.paid_at
    tries = [one for one in ahead.tries if paid_at is None or one.due_at < paid_at]
    too_late = paid_at is not None and ahead.ends_at is not None and paid_at > ahead.ends_at
    return Replayed(len(tries), ahead.ends_at, too_late)
