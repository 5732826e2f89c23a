"""What stands around the rows of a list: its columns and views, as one person keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from apps.accounts.models import Membership
from apps.web.columns import Column, ListPage
from apps.web.filters import ListForm, Tab
from apps.web.preferences import SavedView, columns_of, views_of


@dataclass(frozen=True)
class ListTools:
    """Columns, tabs and saved views of one list for one person; asks the database nothing."""

    page: ListPage
    form: ListForm
    membership: Membership
    counts: Mapping[str, int] = field(default_factory=dict)
    """The rows of each given view, as `ListForm.counted_tabs` takes them."""

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return self.page.chosen(columns_of(self.membership, self.page.key))

    @cached_property
    def column_choices(self) -> list[tuple[Column, bool]]:
        """Every column that can be chosen, shown ones first, and whether it is shown."""
        ordered = self.page.in_order_of(self.columns)
        return [(column, column in self.columns) for column in ordered if not column.fixed]

    @cached_property
    def is_wide(self) -> bool:
        """Whether more columns are shown than fit a window without scrolling sideways."""
        return len(self.columns) > len(self.page.usual)

    @cached_property
    def views(self) -> list[SavedView]:
        return views_of(self.membership, self.page.key)

    @cached_property
    def own_view(self) -> SavedView | None:
        """The saved view that is looked at: the one whose address this is."""
        query = self.form.query()
        return next((view for view in self.views if view.query == query), None)

    @cached_property
    def tabs(self) -> list[Tab]:
        """The views of the list, then those of the person."""
        own = self.own_view
        own_tabs = [Tab(view.name, view.query, view == own) for view in self.views]
        given = [
            replace(tab, is_current=tab.is_current and not own)
            for tab in self.form.counted_tabs(self.counts)
        ]
        return [*given, *own_tabs]

    @cached_property
    def can_save(self) -> bool:
        """Whether what is shown is a view of its own: filtered, and not saved yet."""
        return bool(self.form.is_filtered or self.form.value("q")) and self.own_view is None
