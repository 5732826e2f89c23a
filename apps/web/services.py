"""Writes to a person's own preferences: private, reversible, done at once."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from apps.accounts.models import Membership
from apps.web.preferences import MOST_VIEWS, NAME_LENGTH


class NoSuchView(LookupError):
    """The person has no view of that number."""


class TooManyViews(ValueError):
    """The list has as many views as are kept."""


def keep_columns(*, membership: Membership, page: str, keys: Sequence[str]) -> None:
    """Keep which columns of a list are shown, in order; empty for the usual ones."""

    def change(preferences: dict[str, Any]) -> None:
        _list(preferences, page)["columns"] = list(keys)

    _write(membership, change)


def save_view(*, membership: Membership, page: str, name: str, query: str) -> None:
    """Keep a filter of a list under a name; one of the same name is replaced.

    Raises:
        TooManyViews: there are MOST_VIEWS of this list already.
    """

    def change(preferences: dict[str, Any]) -> None:
        views = _list(preferences, page).setdefault("views", [])
        live = [view for view in views if not view.get("deleted")]
        same = next((view for view in live if view["name"] == name), None)
        if same is not None:
            same["query"] = query
            return
        if len(live) >= MOST_VIEWS:
            raise TooManyViews
        number = preferences["last_view"] = preferences.get("last_view", 0) + 1
        # What was deleted stays for one Undo; the next new view takes its place.
        views[:] = [*live, {"id": number, "name": name[:NAME_LENGTH], "query": query}]

    _write(membership, change)


def rename_view(*, membership: Membership, view_id: int, name: str) -> str:
    """Give a view another name, if there is one; answers the list it belongs to.

    Raises:
        NoSuchView: this person has none of that number.
    """
    changes = {"name": name[:NAME_LENGTH]} if name else {}
    return _change_view(membership, view_id, **changes)


def delete_view(*, membership: Membership, view_id: int) -> str:
    """Take a view away; `restore_view` brings it back. Answers the list it belongs to.

    Raises:
        NoSuchView: this person has none of that number.
    """
    return _change_view(membership, view_id, deleted=True)


def restore_view(*, membership: Membership, view_id: int) -> str:
    """Bring a deleted view back; answers the list it belongs to.

    Raises:
        NoSuchView: it was deleted too long ago, or never was.
    """
    return _change_view(membership, view_id, deleted=False)


def keep_export(*, membership: Membership, page: str, choice: dict[str, object]) -> None:
    """Keep what a person chose for an export of a list, for the next time."""

    def change(preferences: dict[str, Any]) -> None:
        _list(preferences, page)["export"] = choice

    _write(membership, change)


def keep_single_keys(*, membership: Membership, on: bool) -> None:
    """Keep whether single keys act."""
    _write(membership, lambda preferences: preferences.update(single_keys=on))


def _change_view(membership: Membership, view_id: int, **changes: object) -> str:
    found: list[str] = []

    def change(preferences: dict[str, Any]) -> None:
        for page, kept in preferences.get("lists", {}).items():
            for view in kept.get("views", ()):
                if view["id"] == view_id:
                    view.update(changes)
                    found.append(page)
        if not found:
            raise NoSuchView

    _write(membership, change)
    return found[0]


def _list(preferences: dict[str, Any], page: str) -> dict[str, Any]:
    kept: dict[str, Any] = preferences.setdefault("lists", {}).setdefault(page, {})
    return kept


def _write(membership: Membership, change: Callable[[dict[str, Any]], object]) -> None:
    with transaction.atomic(durable=True):
        row = Membership.objects.select_for_update(of=("self",)).get(pk=membership.pk)
        change(row.preferences)
        row.save(update_fields=["preferences"])
    membership.preferences = row.preferences
