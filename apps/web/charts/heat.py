"""A heat map: weekdays by hours, in five steps of one colour; few tries leave a cell blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.dunning.metrics.rates import Share

STEPS = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its step from 1 to 5, 0 where there are too few tries to tell."""

    step: int
    percent: int | None
    share: Share
    words: str


@dataclass(frozen=True, slots=True)
class Heat:
    """Rows of cells under column names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def heat(
    shares: Mapping[tuple[int, int], Share], *, rows: Sequence[str], columns: Sequence[str]
) -> Heat:
    """Lay out shares by (row, column); the highest share known is the strongest step."""
    known = [share.percent for share in shares.values() if share.percent is not None]
    most = max(known, default=0) or 1
    laid = []
    for at, row in enumerate(rows):
        cells = []
        for place, column in enumerate(columns):
            share = shares.get((at, place), Share(0, 0, 0))
            percent = share.percent
            step = 0 if percent is None else min(STEPS, 1 + percent * STEPS // (most + 1))
            cells.append(Cell(step, percent, share, f"{row} {column}"))
        laid.append((row, tuple(cells)))
    return Heat(tuple(columns), tuple(laid))
