"""The retry strip: the whole plan of one case as a drawing and in words."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

MOST_NODES = 10
WIDE, NARROW = 640, 320


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment of the plan. `state` is failed, paid, pending or planned; `day` its date."""

    label: str
    day: str
    state: str
    at: dt.datetime

    @property
    def words(self) -> str:
        said = {
            "failed": gettext("failed"),
            "paid": gettext("paid"),
            "pending": gettext("under way"),
            "planned": gettext("planned"),
        }
        return f"{self.label}: {said[self.state]} {self.day}"


@dataclass(frozen=True, slots=True)
class Node:
    """A mark with its place; labels of the narrow drawing stand above and below by turns."""

    mark: Mark
    x: float
    anchor: str
    above: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    nodes: tuple[Node, ...]
    now_x: float | None
    start_x: float
    end_x: float


@dataclass(frozen=True, slots=True)
class Strip:
    """Two drawings of the same marks, and the words for those who do not see them."""

    words: str
    wide: Drawing
    narrow: Drawing


def strip_of(marks: Sequence[Mark], *, ending: str) -> Strip | None:
    """Draw the marks evenly spaced, oldest first; None when there is only one.

    `ending` says what comes after the last one. Of a very long plan the newest marks are drawn.
    """
    if len(marks) < 2:
        return None
    words = "; ".join([*(mark.words for mark in marks), *([ending] if ending else [])])
    drawn = marks if len(marks) <= MOST_NODES else [marks[0], *marks[-(MOST_NODES - 1) :]]
    return Strip(words, _drawing(drawn, WIDE, 36), _drawing(drawn, NARROW, 24))


def _drawing(marks: Sequence[Mark], width: int, margin: int) -> Drawing:
    step = (width - 2 * margin) / (len(marks) - 1)
    nodes = tuple(
        Node(mark, round(margin + step * number, 1), "middle", bool(number % 2))
        for number, mark in enumerate(marks)
    )
    past = sum(mark.state != "planned" for mark in marks)
    now_x = round(margin + step * (past - 0.5), 1) if 0 < past < len(marks) else None
    return Drawing(width, nodes, now_x, float(margin), float(width - margin))
