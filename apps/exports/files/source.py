"""What a list must say of itself so that it can be exported."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import ngettext

from apps.accounts.models import Membership, Merchant
from apps.exports.cells import Column
from apps.web.columns import ListPage
from apps.web.filters import ListForm
from apps.web.preferences import columns_of
from apps.web.spans import Locality

MOST_PICKS = 100
"""Rows that can be picked by hand: those of the longest page."""


@dataclass(frozen=True, slots=True)
class Selection:
    """A list as its address narrows it: the form, and the rows in the order they are shown.

    `picks` are the rows picked by hand, where not all are meant.
    """

    form: ListForm
    rows: QuerySet[Any]
    picks: tuple[int, ...] = ()

    @property
    def query(self) -> str:
        """The canonical address, complete without the form's other choices: none may change it."""
        query = self.form.query(currency=self.form.chosen_currency, rows="")
        picks = urlencode([("pick", pick) for pick in self.picks])
        return "&".join(part for part in (query, picks) if part)

    @property
    def filters(self) -> str:
        """The filters in words: "Failed, Nov 1 - 18"; the view's name where there are none."""
        form = self.form
        chips = [chip.text for chip in form.chip_list if chip.text]
        search = str(form.value("q")).strip()
        found = [f"\N{LEFT DOUBLE QUOTATION MARK}{search}\N{RIGHT DOUBLE QUOTATION MARK}"]
        named = [
            str(form.value(name)) for name in ("customer", "subscription") if name in form.fields
        ]
        parts = [*chips, *(found if search else []), *(text for text in named if text)]
        if form.value("view") or not parts:
            parts.insert(0, next(str(tab.label) for tab in form.tabs if tab.is_current))
        if n := len(self.picks):
            parts.append(ngettext("%(n)d row selected", "%(n)d rows selected", n) % {"n": n})
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Source:
    """A list that can be exported: its page, its title, the file's columns, how it is read."""

    page: ListPage
    title: str | Promise
    columns: Sequence[Column]
    read: Callable[[Merchant, QueryDict, Locality], Selection]

    @property
    def key(self) -> str:
        """Its name in addresses and files."""
        return self.page.key

    def select(self, *, merchant: Merchant, query: str, now: dt.datetime) -> Selection:
        """Read an address of the list; "today" is the day of `now` in the merchant's zone."""
        local = Locality(merchant.zone, merchant.locale, now)
        asked = QueryDict(query)
        selection = self.read(merchant, asked, local)
        texts = asked.getlist("pick")[:MOST_PICKS]
        if not texts:
            return selection
        # Nobody's row has the key 0; without any the file would be of the whole list.
        picks = tuple(int(one) for one in texts if one.isascii() and one.isdecimal()) or (0,)
        return replace(selection, rows=selection.rows.filter(pk__in=picks), picks=picks)

    def listed(self, membership: Membership) -> list[Column]:
        """Return what a person sees of the list, in the order in which they see it."""
        seen = [one.key for one in self.page.chosen(columns_of(membership, self.key))]
        shown = [column for column in self.columns if column.shows in seen]
        return sorted(shown, key=lambda column: seen.index(column.shows))

    def chosen(self, keys: Sequence[str]) -> list[Column]:
        """Return the columns of some keys in that order; a key that left the code is passed over."""
        by_key = {column.key: column for column in self.columns}
        return [by_key[key] for key in keys if key in by_key]
