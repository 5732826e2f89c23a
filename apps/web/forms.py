"""What people choose about their lists: text in, typed value out."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.web.columns import ListPage, list_page
from apps.web.preferences import NAME_LENGTH

QUERY_LENGTH = 2000


class PageField(forms.CharField):
    """The key of a list; gives the list."""

    def clean(self, value: Any) -> ListPage:
        found = list_page(super().clean(value))
        if found is None:
            raise forms.ValidationError(_("There is no such list."))
        return found


class NameForm(forms.Form):
    name = forms.CharField(max_length=NAME_LENGTH)


class ViewForm(NameForm):
    """A view to save."""

    page = PageField()
    query = forms.CharField(max_length=QUERY_LENGTH)

    def clean_query(self) -> str:
        """Take nothing but an address's query."""
        return QueryDict(self.cleaned_data["query"]).urlencode()


class ColumnsForm(forms.Form):
    """Which columns to show. `order` names all of them, `shown` the chosen; `move` is "up:key"."""

    page = PageField()
    query = forms.CharField(required=False, max_length=QUERY_LENGTH)
    usual = forms.BooleanField(required=False)
    move = forms.CharField(required=False)

    def keys(self) -> list[str]:
        """Return the keys of the columns to show, in order; empty for the usual ones."""
        if self.cleaned_data["usual"]:
            return []
        data: QueryDict = self.data  # type: ignore[assignment]
        order = list(dict.fromkeys(data.getlist("order")))
        way, _colon, moved = self.cleaned_data["move"].partition(":")
        if moved in order:
            place = order.index(moved)
            other = place + {"up": -1, "down": 1}.get(way, 0)
            if 0 <= other < len(order):
                order[place], order[other] = order[other], order[place]
        shown = set(data.getlist("shown"))
        return [key for key in order if key in shown]


class SingleKeysForm(forms.Form):
    on = forms.BooleanField(required=False)
