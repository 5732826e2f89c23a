"""Pages of a long list by cursor: stable while rows arrive, as fast on page 900 as on page 1."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)

PAGE_SIZES = (25, 50, 100)

_SALT = "recoup.lists.cursor"


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list; a cursor is "" where there is nothing further that way."""

    rows: list[Row]
    next_cursor: str
    previous_cursor: str


@dataclass(frozen=True, slots=True)
class _Place:
    """A position between two rows: the values of the row beside it, and which way to read."""

    values: tuple[Any, ...]
    forward: bool


def page_of(
    rows: QuerySet[Row], *, terms: Sequence[str], cursor: str, size: int = PAGE_SIZES[0]
) -> Page[Row]:
    """Return the page at a cursor of rows ordered by `terms`; one query (two off the end).

    `terms` name attributes that are never null, run all the same way ("-at", "-id") and end with a
    unique one. A cursor that is empty, foreign, or of another order gives the first page.
    """
    place = _read(cursor, terms)
    if place is None:
        found = list(rows[: size + 1])
        return _page(found[:size], terms, more_after=len(found) > size, more_before=False)
    beyond = rows.filter(_beyond(place, terms))
    found = list((beyond if place.forward else beyond.reverse())[: size + 1])
    if not found:
        return page_of(rows, terms=terms, cursor="", size=size)
    has_more, kept = len(found) > size, found[:size]
    if place.forward:
        return _page(kept, terms, more_after=has_more, more_before=True)
    return _page(kept[::-1], terms, more_after=True, more_before=has_more)


def _page(
    rows: list[Row], terms: Sequence[str], *, more_after: bool, more_before: bool
) -> Page[Row]:
    return Page(
        rows,
        next_cursor=_write(rows[-1], terms, forward=True) if rows and more_after else "",
        previous_cursor=_write(rows[0], terms, forward=False) if rows and more_before else "",
    )


def _beyond(place: _Place, terms: Sequence[str]) -> Q:
    """Compare row by row: past the first value, or level with it and past the next, and so on."""
    falls = terms[0].startswith("-")
    lookup = "lt" if falls == place.forward else "gt"
    found, level = Q(), Q()
    for term, value in zip(terms, place.values, strict=True):
        name = term.removeprefix("-")
        found |= level & Q(**{f"{name}__{lookup}": value})
        level &= Q(**{name: value})
    # Redundant, but the bound by which an index on the first term is entered.
    return Q(**{f"{terms[0].removeprefix('-')}__{lookup}e": place.values[0]}) & found


def _write(row: Model, terms: Sequence[str], *, forward: bool) -> str:
    values = [getattr(row, term.removeprefix("-")) for term in terms]
    packed = [
        {"at": value.isoformat()} if isinstance(value, dt.datetime) else value for value in values
    ]
    return signing.Signer(salt=_SALT).sign_object([",".join(terms), forward, *packed])


def _read(cursor: str, terms: Sequence[str]) -> _Place | None:
    if not cursor:
        return None
    try:
        order, forward, *packed = signing.Signer(salt=_SALT).unsign_object(cursor)
    except (signing.BadSignature, ValueError):
        return None
    if order != ",".join(terms):
        return None
    values = (
        dt.datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
        for value in packed
    )
    return _Place(tuple(values), forward=bool(forward))
