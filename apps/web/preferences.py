"""What a person keeps of their own: columns and views of lists, and whether single keys act.

All of it is one JSON value of the membership, which every page has read already: it costs no query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.accounts.models import Membership

NAME_LENGTH = 60
MOST_VIEWS = 30
"""Views of one list; more would not be found again."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A named filter of a list; `query` is the address behind the question mark."""

    id: int
    name: str
    query: str


def columns_of(membership: Membership, page: str) -> list[str]:
    """Return the keys of the columns a person chose for a list; empty for the usual ones."""
    return list(_of(membership.preferences, page).get("columns", ()))


def views_of(membership: Membership, page: str) -> list[SavedView]:
    """Return the views a person saved for a list, oldest first; deleted ones are gone."""
    kept = _of(membership.preferences, page).get("views", ())
    return [
        SavedView(one["id"], one["name"], one["query"]) for one in kept if not one.get("deleted")
    ]


def export_of(membership: Membership, page: str) -> dict[str, Any]:
    """Return what a person last chose for an export of a list; empty the first time."""
    return dict(_of(membership.preferences, page).get("export", {}))


def acts_on_single_keys(membership: Membership) -> bool:
    """Tell whether "/", "?" and "g" do something for this person."""
    return bool(membership.preferences.get("single_keys", True))


def _of(preferences: dict[str, Any], page: str) -> dict[str, Any]:
    found: dict[str, Any] = preferences.get("lists", {}).get(page, {})
    return found
