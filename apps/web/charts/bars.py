"""Upright bars, stacked or single, and rows of horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.web.charts.frame import NARROW, WIDE, GridLine, Label, Plot, Words, labels, plot

MOST_NARROW = 8
GAP = 1.0


@dataclass(frozen=True, slots=True)
class BarRow:
    """One bar: a value per series, in their order; where a click on it leads.

    `text` is what stands beside a horizontal bar.
    """

    name: str
    values: tuple[float, ...]
    url: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One box of a chart, with its words."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    words: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One variant of a chart with bars."""

    plot: Plot
    bars: tuple[Bar, ...]
    grid: tuple[GridLine, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """Upright bars in both variants; `key` names the series as (tone, name)."""

    wide: Drawing
    narrow: Drawing
    key: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Horizontal bars, one per row: width in per cent of the widest."""

    rows: tuple[tuple[BarRow, float], ...]


def columns(
    data: Sequence[BarRow],
    *,
    key: Sequence[tuple[str, str]],
    words: Words,
    most: float | None = None,
    join: bool = True,
) -> Columns:
    """Draw upright bars, each series on top of the one before with a gap of a pixel.

    `join` adds neighbours up in the narrow variant; where values do not add up (rates), it is
    False and the narrow variant keeps every bar.
    """
    few = _grouped(data) if join else data
    return Columns(
        wide=_drawn(data, key, words, most, WIDE),
        narrow=_drawn(few, key, words, most, NARROW),
        key=tuple(key),
    )


def rows(data: Sequence[BarRow], *, most: float | None = None) -> Rows:
    """Measure horizontal bars against the widest one, or against `most`, by their first value."""
    widest = max((row.values[0] for row in data), default=0) if most is None else most
    return Rows(
        tuple((row, round(100 * row.values[0] / widest, 1) if widest else 0) for row in data)
    )


def _drawn(
    data: Sequence[BarRow],
    key: Sequence[tuple[str, str]],
    words: Words,
    most: float | None,
    width: int,
) -> Drawing:
    place = plot(width=width, highest=max((sum(row.values) for row in data), default=0), most=most)
    room = (place.right - place.left) / max(len(data), 1)
    breadth = min(48.0, room * 0.7)
    middles = [place.left + room * (n + 0.5) for n in range(len(data))]
    found = []
    for row, middle in zip(data, middles, strict=True):
        base = 0.0
        for value, (tone, name) in zip(row.values, key, strict=True):
            if value > 0:
                top, bottom = place.y(base + value), place.y(base)
                height = max(1.0, round(bottom - top - (GAP if base else 0), 1))
                text = f"{row.name}: {words(value)}"
                text = f"{text} {name}" if len(key) > 1 else text
                x = round(middle - breadth / 2, 1)
                found.append(Bar(x, top, round(breadth, 1), height, tone, text, row.url))
            base += value
    names = [row.name for row in data]
    return Drawing(
        plot=place,
        bars=tuple(found),
        grid=place.grid(words),
        labels=labels(
            names, [round(middle, 1) for middle in middles], width=int(place.right - place.left)
        ),
    )


def _grouped(data: Sequence[BarRow]) -> list[BarRow]:
    """Add neighbours up until at most eight bars are left; a group is named by its first."""
    size = -(-len(data) // MOST_NARROW)
    if size <= 1:
        return list(data)
    bounds = [*range(0, len(data), size), len(data)]
    grouped = []
    for first, after in pairwise(bounds):
        some = data[first:after]
        values = tuple(sum(parts) for parts in zip(*(row.values for row in some), strict=True))
        name = some[0].name if len(some) == 1 else f"{some[0].name} \N{EN DASH} {some[-1].name}"
        grouped.append(BarRow(name, values))
    return grouped
