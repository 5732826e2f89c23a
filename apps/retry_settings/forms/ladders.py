"""One reason's schedule as a person writes it: "1 h, 6 h, 1, 3, 6" after the first failure."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from apps.dunning.rules import MAX_DAYS, MAX_TRIES, MINIMUM_GAP, RulesError, Step

_ITEM = re.compile(r"(\d{1,4})\s*(h|hours?|d|days?)?", re.IGNORECASE)
_GAP_HOURS = int(MINIMUM_GAP.total_seconds()) // 3600


@dataclass(frozen=True, slots=True)
class Ladder:
    """A schedule in text: the moments, the time of day for those in days, the reach of a payday."""

    text: str
    at: dt.time | None = None
    payday_within_days: int = 0


def read_ladder(ladder: Ladder) -> tuple[Step, ...]:
    """Turn text into steps; empty text is an empty schedule: the customer is asked at once.

    A bare number is a day. Moments in hours keep their hour: the time of day and the payday belong
    to those in days.

    Raises:
        RulesError: the text cannot be read or carried out; it says what to write instead.
    """
    steps: list[Step] = []
    before = 0
    for item in re.split(r"[,;]+|\s+then\s+", ladder.text.strip().strip(",;")):
        if not item.strip():
            continue
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            raise RulesError(
                f"Write days or hours, such as 1 h, 6 h, 2, 5, 9. “{item.strip()}” is neither."
            )
        in_hours = (match[2] or "d").lower().startswith("h")
        hours = int(match[1]) * (1 if in_hours else 24)
        if hours - before < _GAP_HOURS:
            raise RulesError("Each retry must come at least 1 hour after the one before.")
        at, payday = (None, 0) if in_hours else (ladder.at, ladder.payday_within_days)
        steps.append(Step(hours - before, at, payday))
        before = hours
    if len(steps) > MAX_TRIES:
        raise RulesError(f"Enter {MAX_TRIES} retries or fewer.")
    if before > MAX_DAYS * 24:
        raise RulesError(f"The last retry must come within {MAX_DAYS} days.")
    return tuple(steps)


def write_ladder(steps: Sequence[Step]) -> Ladder:
    """Turn steps into the text that `read_ladder` turns back."""
    at = next((step.at for step in steps if step.at is not None), None)
    payday = max((step.payday_within_days for step in steps), default=0)
    words: list[str] = []
    hours = 0
    for step in steps:
        hours += step.wait_hours
        in_days = hours % 24 == 0 and (step.at == at and step.payday_within_days == payday)
        words.append(f"{hours // 24}" if in_days else f"{hours} h")
    return Ladder(", ".join(words), at, payday)
