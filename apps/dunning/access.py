"""When a failed payment takes a customer's access, step by step. Plain decisions, no I/O.

Revoking is not canceling: billing and progress go on. A payment that waits for 3-D Secure or for
a bank debit has not failed, and nobody who has paid loses anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from apps.dunning.codes import Group, lookup
from apps.dunning.facts import Decline

State = Literal["granted", "banner", "limited", "revoked"]
When = Literal["never", "first_failure", "tries_used_up"]
AtEnd = Literal["revoke", "keep"]
AfterReturn = Literal["leave", "revoke"]

ORDER: tuple[State, ...] = ("granted", "banner", "limited", "revoked")
"""From all to nothing; a step never gives back what an earlier one took."""

REASONS: tuple[Group, ...] = ("funds", "issuer", "technical", "limits", "unknown", "none")
"""The groups of decline reasons a ladder may name; "none" is a card that must be replaced."""

MAX_GRACE_DAYS = 30
MAX_STEP_DAYS = 60


class AccessRulesError(ValueError):
    """The rules cannot be used; the text says why, for the person who wrote them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: from `after_days` after the first failure on, access is `state`."""

    state: State
    after_days: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps for some offers and decline reasons; an empty tuple means all of them."""

    steps: tuple[Step, ...]
    offers: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise AccessRulesError("A ladder needs at least one step.")
        rungs = [ORDER.index(step.state) for step in self.steps]
        days = [step.after_days for step in self.steps]
        if 0 in rungs or rungs != sorted(set(rungs)) or days != sorted(days):
            raise AccessRulesError("Notice, limited and revoked follow each other in this order.")
        if days[0] < 0 or days[-1] > MAX_STEP_DAYS:
            raise AccessRulesError(f"Use 0 to {MAX_STEP_DAYS} days.")

    def fits(self, *, offer: str, reason: str) -> bool:
        """Say whether it holds for a failure of this offer with this group of reasons."""
        return (not self.offers or offer in self.offers) and (
            not self.reasons or reason in self.reasons
        )

    def to_json(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "steps": [{"state": step.state, "after_days": step.after_days} for step in self.steps],
            "offers": list(self.offers),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_json(cls, data: object) -> Ladder:
        """Read what `to_json` wrote.

        Raises:
            AccessRulesError: it is something else.
        """
        try:
            values = cast("Mapping[str, Sequence[object]]", data)
            steps = tuple(_step(one) for one in values["steps"])
            return cls(
                steps=steps,
                offers=tuple(str(one) for one in values["offers"]),
                reasons=tuple(str(one) for one in values["reasons"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, AccessRulesError):
                raise
            raise AccessRulesError(f"Not a ladder: {data!r}") from error


@dataclass(frozen=True, slots=True)
class AccessRules:
    """A merchant's choice of when access is taken and given back; the default takes nothing.

    `offers` None covers all. `ladders` hold where the first fitting one is found, with `revoke`
    "first_failure" only; else access is revoked `grace_days` after what `revoke` names.
    """

    revoke: When = "never"
    grant: bool = False
    grace_days: int = 0
    offers: tuple[str, ...] | None = None
    ladders: tuple[Ladder, ...] = ()
    at_end: AtEnd = "revoke"
    after_return: AfterReturn = "leave"

    def __post_init__(self) -> None:
        if not 0 <= self.grace_days <= MAX_GRACE_DAYS:
            raise AccessRulesError(f"Use 0 to {MAX_GRACE_DAYS} days.")

    def covers(self, offer: str) -> bool:
        """Say whether failures of this offer may take access."""
        return self.offers is None or offer in self.offers


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What is known about one failed payment when access is decided.

    `failed_at` is the first failure that counts; None while there is none (3-D Secure asked for,
    a debit under way). `used_up_at` is when the tries were used up without payment. `under_way`
    says that a charge is running, unknown or at the bank: its outcome is waited for.
    """

    offer: str
    reason: str
    failed_at: datetime | None
    used_up_at: datetime | None = None
    is_covered: bool = True
    is_owed: bool = True
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """From `due_at` on access is `state`; `why` in words for the merchant."""

    state: State
    due_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """What access is now and why; `next` is the next step that will change it."""

    state: State
    code: str
    why: str
    next: PlannedStep | None = None


def counts_as_failure(*, requires_action: bool, decline: Decline | None) -> bool:
    """Say whether a refusal takes access: one that only asks for 3-D Secure does not."""
    if requires_action:
        return False
    return decline is None or not lookup(decline).needs_authentication


def plan_steps(*, facts: AccessFacts, rules: AccessRules) -> tuple[PlannedStep, ...]:
    """Give every step this failure leads to while it stays unpaid, soonest first."""
    if rules.revoke == "never" or not facts.is_covered or not rules.covers(facts.offer):
        return ()
    if rules.revoke == "tries_used_up":
        if facts.used_up_at is None:
            return ()
        return _revoke(facts.used_up_at, rules.grace_days, "The tries are used up")
    start = facts.failed_at or facts.used_up_at
    if start is None:
        return ()
    for ladder in rules.ladders:
        if ladder.fits(offer=facts.offer, reason=facts.reason):
            return tuple(
                PlannedStep(
                    step.state, start + timedelta(days=step.after_days), _days(step.after_days)
                )
                for step in ladder.steps
            )
    return _revoke(start, rules.grace_days, "The payment failed")


def decide(
    *, facts: AccessFacts, steps: Sequence[PlannedStep], now: datetime, current: State = "granted"
) -> AccessDecision:
    """Say what access is at `now`, given the steps that were planned for this failure.

    Nothing is taken while nothing is owed. While a charge is under way everything stays as it is.
    """
    if not facts.is_covered:
        return AccessDecision("granted", "not_covered", "Not available for this payment type.")
    if not facts.is_owed:
        return AccessDecision("granted", "paid", "Nothing is owed.")
    coming = sorted(
        (step for step in steps if ORDER.index(step.state) > ORDER.index(current)),
        key=lambda step: (step.due_at, ORDER.index(step.state)),
    )
    due = [step for step in coming if step.due_at <= now]
    later = next((step for step in coming if step.due_at > now), None)
    if facts.under_way and due:
        return AccessDecision(
            current, "under_way", "A payment is under way; its outcome is waited for.", due[0]
        )
    if not due:
        code = "waiting" if later else "kept"
        return AccessDecision(current, code, later.why if later else "No step is due.", later)
    last = max(due, key=lambda step: ORDER.index(step.state))
    return AccessDecision(last.state, "unpaid", last.why, later)


def _revoke(start: datetime, grace_days: int, what: str) -> tuple[PlannedStep, ...]:
    why = f"{what} and {grace_days} days of grace passed" if grace_days else what
    return (PlannedStep("revoked", start + timedelta(days=grace_days), f"{why}."),)


def _days(days: int) -> str:
    if not days:
        return "The payment failed."
    return f"Unpaid {days} day{'' if days == 1 else 's'} after the first failure."


def _step(data: object) -> Step:
    values = cast("Mapping[str, object]", data)
    state, days = values["state"], values["after_days"]
    if state not in get_args(State) or not isinstance(days, int) or isinstance(days, bool):
        raise AccessRulesError(f"Not a step: {data!r}")
    return Step(cast("State", state), days)
