"""A merchant's retry rules: frozen on a case when it opens, so they travel as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import Any, Literal, cast, get_args

Engine = Literal["stripe", "recoup", "gaps"]
"""Who retries: Stripe alone, Recoup alone, or Stripe with tries of Recoup's between its own."""
Strategy = Literal["smart", "custom", "decline_aware"]
FinalAction = Literal["cancel", "leave_past_due", "pause"]
"""What becomes of the subscription at the end; "pause" stops the collection of later invoices."""
BoughtAgain = Literal["stop", "ask"]
"""What happens to a failed invoice once the customer has bought the offer anew."""
InvoiceAction = Literal["leave_open", "uncollectible", "void"]
"""What becomes of the unpaid invoice. Uncollectible is bad debt: it may still be paid."""

MAX_TRIES = 8
"""Retries in one schedule; Stripe's guidance for cards is the same.

Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""
MAX_DAYS = 60
"""Days from the first failure to the last retry, payday moves not counted."""
MAX_PAYDAY_DAYS = 7
MINIMUM_GAP = timedelta(hours=1)
"""No two tries on one card stand closer, whatever the schedule says."""
MAX_GAP_HOURS = 72
MAX_JITTER_MINUTES = 120
ROTATION = (time(10), time(14), time(20))
"""The first, second and third retry of a rotation; the fourth begins again."""


class RulesError(ValueError):
    """The rules cannot be used; the text says why, for the person who wrote them."""


@dataclass(frozen=True, slots=True)
class Step:
    """One retry of a schedule.

    `wait_hours` counts from the try before. With `at`, the retry is made at that local wall time
    on the day reached. With `payday_within_days`, it moves to a payday at most so many days away.
    """

    wait_hours: int
    at: time | None = None
    payday_within_days: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the step as JSON values; the time as "HH:MM"."""
        return {
            "wait_hours": self.wait_hours,
            "at": None if self.at is None else self.at.strftime("%H:%M"),
            "payday_within_days": self.payday_within_days,
        }

    @classmethod
    def from_json(cls, data: object) -> Step:
        """Read what `to_json` wrote.

        Raises:
            RulesError: it is something else.
        """
        try:
            values = cast("Mapping[str, object]", data)
            at = values.get("at")
            return cls(
                wait_hours=_whole(values["wait_hours"]),
                at=None if at is None else time.fromisoformat(str(at)),
                payday_within_days=_whole(values.get("payday_within_days", 0)),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RulesError(f"Not a step: {data!r}") from error


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Who retries, when, and what happens when nothing helped.

    `strategy` "smart" belongs to Stripe. "custom" follows `steps` whatever the reason.
    "decline_aware" takes the schedule of the decline's code from `table`, else that of its group
    (`codes.CodeRow.group`: funds, limits, issuer, technical, unknown), else `steps`; an empty
    schedule means that the customer is asked at once.

    With the engine "gaps" no try stands within `gap_hours` of Stripe's next one. `recurring` and
    `one_off` say which invoices the engine is for: the others are left to Stripe. A bank debit
    that failed is tried again only with its own switch. With `backup_after` n the customer's
    backup method is charged once after n retries failed; 0 is never.

    Steps with a time of day take it from `ROTATION` if `rotates`; for debit-funded cards it is
    00:01 if `midnight_debit_cards`. `jitter_minutes` spreads cases over so many minutes after it,
    always the same for one case. `policy` names the segment the rules come from; "" is the
    merchant's default.
    """

    engine: Engine
    strategy: Strategy
    steps: tuple[Step, ...] = ()
    table: Mapping[str, tuple[Step, ...]] = field(default_factory=dict, hash=False)
    final_action: FinalAction = "leave_past_due"
    name: str = ""
    version: int = 1
    invoice_action: InvoiceAction = "leave_open"
    gap_hours: int = 12
    recurring: bool = True
    one_off: bool = True
    debits_recurring: bool = False
    debits_one_off: bool = False
    backup_after: int = 0
    rotates: bool = False
    midnight_debit_cards: bool = False
    jitter_minutes: int = 0
    minimum_gap_hours: int = 1
    policy: str = ""
    bought_again: BoughtAgain = "stop"

    @property
    def horizon(self) -> timedelta:
        """How long after the first failure the longest schedule ends; customers have as long."""
        ladders = self.table.values() if self.strategy == "decline_aware" else ()
        return max(length(ladder) for ladder in (self.steps, *ladders))

    @property
    def minimum_gap(self) -> timedelta:
        """How far apart two tries on one card stand at least."""
        return max(MINIMUM_GAP, timedelta(hours=self.minimum_gap_hours))

    @property
    def gap(self) -> timedelta:
        """How far from Stripe's next try ours stay while both retry."""
        return timedelta(hours=self.gap_hours)

    def for_invoice(self, *, recurring: bool) -> RetryRules:
        """Return the rules for one kind of invoice: Stripe's own where the switch is off."""
        if self.engine == "stripe" or (self.recurring if recurring else self.one_off):
            return self
        return replace(self, engine="stripe", strategy="smart", steps=(), table={})

    def validate(self) -> None:
        """Check that the rules can be carried out.

        Raises:
            RulesError: they cannot; the text names the schedule and what is wrong with it.
        """
        for value, choices in (
            (self.engine, Engine),
            (self.strategy, Strategy),
            (self.final_action, FinalAction),
            (self.invoice_action, InvoiceAction),
            (self.bought_again, BoughtAgain),
        ):
            if value not in get_args(choices):
                raise RulesError(f"{value!r} is none of {', '.join(get_args(choices))}.")
        for words, number, least, most in (
            ("The hours around Stripe's try", self.gap_hours, 1, MAX_GAP_HOURS),
            ("The retries before the backup method", self.backup_after, 0, MAX_TRIES),
            ("The minutes of spread", self.jitter_minutes, 0, MAX_JITTER_MINUTES),
            ("The hours between two tries", self.minimum_gap_hours, 1, MAX_GAP_HOURS),
        ):
            if not least <= number <= most:
                raise RulesError(f"{words} must be {least} to {most}.")
        if self.engine == "stripe":
            return
        if self.strategy == "smart":
            raise RulesError("Smart retries are Stripe's: let Stripe retry, or choose a schedule.")
        if self.strategy == "custom" or self.steps:
            _check("the schedule", self.steps)
        if self.strategy == "custom":
            return
        if not any(self.table.values()):
            raise RulesError("No decline reason has a schedule.")
        for key, ladder in self.table.items():
            if ladder:
                _check(key, ladder)

    def to_json(self) -> dict[str, object]:
        """Return the rules as JSON values, to be kept on a case."""
        return {
            "engine": self.engine,
            "strategy": self.strategy,
            "steps": [step.to_json() for step in self.steps],
            "table": {
                key: [step.to_json() for step in ladder] for key, ladder in self.table.items()
            },
            "final_action": self.final_action,
            "name": self.name,
            "version": self.version,
            **{key: getattr(self, key) for key in _ADDED},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> RetryRules:
        """Read what `to_json` wrote, now or before a value was added: it has its default then.

        Raises:
            RulesError: it is something else, or rules that cannot be carried out.
        """
        try:
            table = cast("Mapping[str, object]", data.get("table", {}))
            rules = cls(
                engine=cast("Engine", data["engine"]),
                strategy=cast("Strategy", data["strategy"]),
                steps=_steps(data.get("steps", ())),
                table={key: _steps(ladder) for key, ladder in table.items()},
                final_action=cast("FinalAction", data["final_action"]),
                name=str(data.get("name", "")),
                version=_whole(data.get("version", 1)),
                **_added(data),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise RulesError(f"Not retry rules: {error}") from error
        rules.validate()
        return rules


_ADDED: Mapping[str, type] = {
    "invoice_action": str,
    "gap_hours": int,
    "recurring": bool,
    "one_off": bool,
    "debits_recurring": bool,
    "debits_one_off": bool,
    "backup_after": int,
    "rotates": bool,
    "midnight_debit_cards": bool,
    "jitter_minutes": int,
    "minimum_gap_hours": int,
    "policy": str,
    "bought_again": str,
}
"""What cases and settings written earlier do not hold; to be read with the default."""


def _added(data: Mapping[str, object]) -> dict[str, Any]:
    found = {key: data[key] for key in _ADDED if key in data}
    for key, value in found.items():
        if type(value) is not _ADDED[key]:
            raise TypeError(f"{key} is {value!r}")
    return found


def length(ladder: Sequence[Step]) -> timedelta:
    """Return how long after the first failure the last step of a schedule comes."""
    return timedelta(hours=sum(step.wait_hours for step in ladder))


def steps_from_days(
    days: Sequence[int], *, at: time | None = None, payday_within_days: int = 0
) -> tuple[Step, ...]:
    """Turn days after the first failure (2, 4, 7) into waits since the try before (2, 2, 3 days).

    Raises:
        RulesError: the days do not rise.
    """
    return steps_from_hours(
        [24 * day for day in days], at=at, payday_within_days=payday_within_days
    )


def steps_from_hours(
    hours: Sequence[int], *, at: time | None = None, payday_within_days: int = 0
) -> tuple[Step, ...]:
    """As `steps_from_days`, in hours after the first failure.

    Raises:
        RulesError: the hours do not rise.
    """
    waits = [later - before for before, later in zip([0, *hours], hours, strict=False)]
    if any(wait <= 0 for wait in waits):
        raise RulesError("Each retry must come after the one before.")
    return tuple(Step(wait, at, payday_within_days) for wait in waits)


def _check(name: str, ladder: Sequence[Step]) -> None:
    if not 1 <= len(ladder) <= MAX_TRIES:
        raise RulesError(f"{name}: between 1 and {MAX_TRIES} retries, not {len(ladder)}.")
    for step in ladder:
        if timedelta(hours=step.wait_hours) < MINIMUM_GAP:
            raise RulesError(f"{name}: retries must be at least 1 hour apart.")
        if not 0 <= step.payday_within_days <= MAX_PAYDAY_DAYS:
            raise RulesError(f"{name}: a payday may be at most {MAX_PAYDAY_DAYS} days away.")
        if step.payday_within_days and step.wait_hours < 24:
            raise RulesError(f"{name}: only a retry a day or more later can move to a payday.")
    if length(ladder) > timedelta(days=MAX_DAYS):
        raise RulesError(f"{name}: the last retry must come within {MAX_DAYS} days.")


def _steps(data: object) -> tuple[Step, ...]:
    if not isinstance(data, list | tuple):
        raise RulesError(f"Not a list of steps: {data!r}")
    return tuple(Step.from_json(step) for step in data)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value
