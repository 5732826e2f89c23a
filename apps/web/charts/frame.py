"""What all charts share: the plot's place, round numbers for its axis, labels that fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDE, NARROW = 960, 360
MOST_GRID_LINES = 5

Words = Callable[[float], str]
"""Writes a value for people."""


@dataclass(frozen=True, slots=True)
class GridLine:
    """One horizontal line of the grid with what it stands for."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word below the plot."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Where values go: from `left` to `right`, and from `bottom` (zero) up to `top` (`most`)."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    most: float

    def y(self, value: float) -> float:
        share = value / self.most if self.most else 0
        return round(self.bottom - share * (self.bottom - self.top), 1)

    def grid(self, words: Words) -> tuple[GridLine, ...]:
        step = round_step(self.most)
        count = round(self.most / step) if step else 0
        return tuple(GridLine(self.y(n * step), words(n * step)) for n in range(count + 1))


def plot(*, width: int, highest: float, most: float | None = None) -> Plot:
    """Lay out a plot whose axis ends at a round number above `highest`, or at `most`."""
    height = 260 if width == WIDE else 220
    if most is None:
        step = round_step(highest)
        most = step * -(-highest // step) if step else 1
    return Plot(width, height, left=56, right=width - 28, top=12, bottom=height - 28, most=most)


def round_step(highest: float) -> float:
    """Return 1, 2 or 5 times a power of ten, so that at most five lines reach `highest`."""
    if highest <= 0:
        return 0
    size = 1.0
    while size * 10 <= highest:
        size *= 10
    while size > highest:
        size /= 10
    for factor in (0.2, 0.5, 1, 2, 5):
        if highest <= factor * size * (MOST_GRID_LINES - 1):
            return factor * size
    return 10 * size


def labels(names: Sequence[str], places: Sequence[float], *, width: int) -> tuple[Label, ...]:
    """Return as many names as fit side by side, the first one always, evenly apart."""
    if not names:
        return ()
    each = 7 * max(len(name) for name in names) + 16
    fit = max(1, int(width // each))
    step = -(-len(names) // fit)
    return tuple(
        Label(place, name)
        for n, (name, place) in enumerate(zip(names, places, strict=True))
        if n % step == 0
    )
