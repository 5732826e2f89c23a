"""Lines over time, with gaps where nothing is known; and sparks, the smallest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.web.charts.frame import NARROW, WIDE, GridLine, Label, Plot, Words, labels, plot

MOST_SPARK = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One series. None is a gap, never zero; `style` is solid, dashed or dotted."""

    name: str
    values: tuple[float | None, ...]
    tone: str = "rec"
    style: str = "solid"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a line, with its words."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line as drawn: a path that leaves gaps open, its points, and its name at the end."""

    path: str
    tone: str
    style: str
    points: tuple[Point, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """One variant of a line chart."""

    plot: Plot
    strokes: tuple[Stroke, ...]
    grid: tuple[GridLine, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines in both variants."""

    wide: Drawing
    narrow: Drawing
    key: tuple[Line, ...]


def lines(
    names: Sequence[str], series: Sequence[Line], *, words: Words, most: float | None = None
) -> Lines:
    """Draw lines over the same names; no smoothing, zero-based."""
    return Lines(
        wide=_drawn(names, series, words, most, WIDE),
        narrow=_drawn(names, series, words, most, NARROW),
        key=tuple(series),
    )


def spark(values: Sequence[float | None], *, width: int = 96, height: int = 28) -> str:
    """Return the path of a spark of at most twelve points; "" for fewer than two values."""
    shown = list(values)[-MOST_SPARK:]
    known = [value for value in shown if value is not None]
    if len(known) < 2:
        return ""
    most = max(known) or 1
    room = (width - 4) / max(len(shown) - 1, 1)
    return _path(
        [
            None if value is None else (2 + n * room, height - 3 - (height - 6) * value / most)
            for n, value in enumerate(shown)
        ]
    )


def _drawn(
    names: Sequence[str],
    series: Sequence[Line],
    words: Words,
    most: float | None,
    width: int,
) -> Drawing:
    known = [value for line in series for value in line.values if value is not None]
    place = plot(width=width, highest=max(known, default=0), most=most)
    room = (place.right - place.left - 16) / max(len(names) - 1, 1)
    middles = [round(place.left + 8 + room * n, 1) for n in range(len(names))]
    strokes = []
    for line in series:
        spots = [
            None if value is None else (x, place.y(value))
            for x, value in zip(middles, line.values, strict=True)
        ]
        points = tuple(
            Point(x, place.y(value), f"{name}: {words(value)} {line.name}")
            for x, name, value in zip(middles, names, line.values, strict=True)
            if value is not None
        )
        strokes.append(Stroke(_path(spots), line.tone, line.style, points, line.name))
    return Drawing(
        plot=place,
        strokes=tuple(strokes),
        grid=place.grid(words),
        labels=labels(names, middles, width=int(place.right - place.left)),
    )


def _path(spots: Sequence[tuple[float, float] | None]) -> str:
    """Write an SVG path; after a gap it begins anew."""
    written, pen_is_down = [], False
    for spot in spots:
        if spot is None:
            pen_is_down = False
            continue
        written.append(f"{'L' if pen_is_down else 'M'}{spot[0]:.1f} {spot[1]:.1f}")
        pen_is_down = True
    return " ".join(written)
