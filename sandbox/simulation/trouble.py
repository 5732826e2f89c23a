"""What a world suffers from: chosen per seed, so that some worlds are calm and some are not.

Every kind of trouble is on in some seeds and off in others: two troubles may hide each other.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apps.dunning.rules import RetryRules
from sandbox import cards


@dataclass(frozen=True, slots=True)
class Focus:
    """What a world is about: what is named here is not left to chance.

    `behaviour` is how every card behaves from the renewal on; `mails` says whether mails are on;
    `acts` name the functions of `people` that may happen; `trouble` names fields of `Trouble`.
    """

    rules: RetryRules | None = None
    behaviour: Callable[[random.Random], cards.Behaviour] | None = None
    one_card: bool | None = None
    mails: bool | None = None
    acts: tuple[str, ...] = ()
    trouble: Mapping[str, Any] = field(default_factory=dict)


CALL_FAULTS = (
    "timeout_after",
    "timeout_before",
    "error_500",
    "error_500_after",
    "rate_limit",
    "lock_timeout",
    "key_in_use",
    "late",
)


@dataclass(slots=True)
class Trouble:
    """Chances of one world; a chance of 0 is switched off. `calm()` ends all of it."""

    rng: random.Random
    workers: int = 2
    beats: int = 1
    crashes: float = 0.0
    lost_commits: float = 0.0
    pay_faults: float = 0.0
    read_faults: float = 0.0
    faults: tuple[str, ...] = CALL_FAULTS
    freezes: float = 0.0
    lost_messages: float = 0.0
    repeated_messages: float = 0.0
    webhooks: tuple[tuple[str, int], ...] = ()
    outages: int = 0
    absences: int = 0
    acts: float = 1.0
    skew_seconds: int = 0
    is_over: bool = field(default=False, init=False)

    @classmethod
    def chosen(cls, rng: random.Random, focus: "Focus") -> "Trouble":
        """Choose the troubles of a seed; what the focus names is as it says."""
        trouble = cls.of(rng)
        return replace(trouble, **focus.trouble)

    @classmethod
    def of(cls, rng: random.Random) -> "Trouble":
        """Choose the troubles of a seed."""

        def some(share: float, *chances: float) -> float:
            return rng.choice(chances) if rng.random() < share else 0.0

        return cls(
            rng=rng,
            workers=rng.randint(1, 3),
            beats=rng.choice((1, 1, 2)),
            crashes=some(0.6, 0.003, 0.01, 0.03),
            lost_commits=some(0.3, 0.005, 0.02),
            pay_faults=some(0.7, 0.05, 0.2, 0.5),
            read_faults=some(0.5, 0.01, 0.05, 0.2),
            faults=tuple(rng.sample(CALL_FAULTS, rng.randint(1, len(CALL_FAULTS)))),
            freezes=some(0.4, 0.005, 0.02),
            lost_messages=some(0.4, 0.1, 0.5),
            repeated_messages=some(0.4, 0.1, 0.5),
            webhooks=_webhooks(rng),
            outages=rng.choice((0, 0, 1, 2)),
            absences=rng.choice((0, 0, 1, 2)),
            acts=some(0.85, 0.3, 1.0, 2.0),
            skew_seconds=int(some(0.3, 10, 25)),
        )

    def fault_of(self, call: str) -> str:
        """Decide what happens to a call; "" for nothing."""
        chance = self.pay_faults if call.endswith("/pay") else self.read_faults
        if self.is_over or self.rng.random() >= chance:
            return ""
        fault = self.rng.choice(self.faults)
        writes = call.startswith("POST")
        return fault if writes or fault in ("timeout_before", "rate_limit") else "timeout_before"

    def calm(self) -> None:
        """Let nothing fail any more."""
        self.is_over = True
        self.crashes = self.lost_commits = self.freezes = 0.0
        self.lost_messages = self.repeated_messages = 0.0
        self.skew_seconds = 0

    def words(self) -> str:
        """Name what is on."""
        shown = {
            "workers": self.workers,
            "beats": self.beats,
            "crashes": self.crashes,
            "lost commits": self.lost_commits,
            "pay faults": self.pay_faults,
            "read faults": self.read_faults,
            "freezes": self.freezes,
            "lost messages": self.lost_messages,
            "repeated messages": self.repeated_messages,
            "webhooks": ", ".join(name for name, _ in self.webhooks),
            "outages": self.outages,
            "absences": self.absences,
            "acts": self.acts,
            "skew": self.skew_seconds,
        }
        return "; ".join(f"{name} {value}" for name, value in shown.items() if value)


def _webhooks(rng: random.Random) -> tuple[tuple[str, int], ...]:
    kinds = ("duplicate", "shuffle", "delay", "drop_then_redeliver", "drop_for_ever")
    chosen = [kind for kind in kinds if rng.random() < 0.3]
    return tuple((kind, rng.choice((60, 3_600, 6 * 3_600))) for kind in chosen)
