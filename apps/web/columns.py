"""The columns of a list: which there are, and which of them a person chose to see, in what order."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `sort` is its key in the address, `falling` makes the first click sort downwards.

    A `fixed` one is always shown and stands first; a `rare` one is shown once somebody chose it.
    """

    key: str
    label: str | Promise
    css: str = ""
    sort: str = ""
    falling: bool = False
    rare: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class ListPage:
    """A list of the product: the name under which choices are kept, its address, its columns."""

    key: str
    url_name: str
    columns: Sequence[Column]

    @property
    def usual(self) -> tuple[Column, ...]:
        """The columns of somebody who chose nothing."""
        return tuple(column for column in self.columns if not column.rare)

    def chosen(self, keys: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns of some keys in that order; no known key among them: the usual ones.

        Keys that exist no more are passed over, fixed columns come first whatever was chosen.
        """
        by_key = {column.key: column for column in self.columns}
        wanted = [by_key[key] for key in dict.fromkeys(keys) if key in by_key]
        free = [column for column in wanted if not column.fixed]
        fixed = [column for column in self.columns if column.fixed]
        return (*fixed, *free) if free else self.usual

    def in_order_of(self, shown: Sequence[Column]) -> tuple[Column, ...]:
        """Return every column, the shown ones first and in their order."""
        return (*shown, *(column for column in self.columns if column not in shown))


_pages: dict[str, ListPage] = {}


def register_list(page: ListPage) -> ListPage:
    """Make a list known, so that choices about it can be kept; called where it is defined."""
    _pages[page.key] = page
    return page


def list_page(key: str) -> ListPage | None:
    """Return the list of a key, or None."""
    return _pages.get(key)
