"""Rates and middles over closed cases. Exact: shares are fractions, never floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean, median

ENOUGH_CASES = 10
"""Fewer closed cases than this say nothing: the page shows “Too few to tell”."""

ENOUGH_TRIES = 5
"""Fewer tries than this leave a cell of the heat map blank."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, with the number of cases or tries it stands on.

    `part` and `whole` count cases or the smallest unit of one currency. `sample` is always a
    number of cases or tries, and decides whether the share says anything.
    """

    part: int
    whole: int
    sample: int
    enough: int = ENOUGH_CASES

    @property
    def value(self) -> Fraction | None:
        """Return the share from 0 to 1; None where there are too few to tell."""
        if self.sample < self.enough or self.whole <= 0:
            return None
        return Fraction(self.part, self.whole)

    @property
    def percent(self) -> int | None:
        """Return the share in whole per cent, halves up; None where there are too few to tell."""
        value = self.value
        return None if value is None else int(value * 100 + Fraction(1, 2))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of some cases: how many, and the amount due in the smallest unit.

    Recovered amounts are what was paid. Stopped cases are on neither side of a rate.
    """

    recovered: int = 0
    recovered_minor: int = 0
    lost: int = 0
    lost_minor: int = 0
    stopped: int = 0
    stopped_minor: int = 0
    open: int = 0
    open_minor: int = 0

    @property
    def failed(self) -> int:
        """Return all of them, whatever became of them."""
        return self.recovered + self.lost + self.stopped + self.open

    @property
    def failed_minor(self) -> int:
        return self.recovered_minor + self.lost_minor + self.stopped_minor + self.open_minor

    @property
    def rate(self) -> Share:
        """Return recovered ÷ (recovered + lost) by amount."""
        closed = self.recovered + self.lost
        return Share(self.recovered_minor, self.recovered_minor + self.lost_minor, closed)

    @property
    def rate_by_count(self) -> Share:
        closed = self.recovered + self.lost
        return Share(self.recovered, closed, closed)

    @property
    def still_open(self) -> Share:
        """Return the share of the cases that is not closed yet, by count."""
        return Share(self.open, self.failed, self.failed, enough=1)

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(
            *(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        )


def median_days(hours: Sequence[int]) -> Fraction | None:
    """Return the median of times to recovery in days; None for none."""
    return Fraction(median(map(Fraction, hours))) / 24 if hours else None


def mean_days(hours: Sequence[int]) -> Fraction | None:
    """Return the mean of times to recovery in days; None for none."""
    return mean(map(Fraction, hours)) / 24 if hours else None


def change(now: int, before: int) -> Fraction | None:
    """Return by how much an amount changed against another; None where there was nothing."""
    return Fraction(now - before, before) if before > 0 else None
