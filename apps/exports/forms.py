"""The dialog of an export."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Membership
from apps.exports.cells import Column, Style
from apps.exports.files import Source
from apps.web.formats import zone_place

ALL, LISTED, CHOSEN = "all", "listed", "chosen"


WHICH = ((ALL, _("All columns")), (LISTED, _("The columns I see")), (CHOSEN, _("Chosen columns")))


class ExportForm(forms.Form):
    """Which columns, and how times are written; the rows are those of the list's address."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    which = forms.ChoiceField(label=_("Columns"), choices=WHICH, widget=forms.RadioSelect)
    columns = forms.MultipleChoiceField(
        required=False, label=_("Chosen columns"), widget=forms.CheckboxSelectMultiple
    )
    times = forms.ChoiceField(
        label=_("Times"),
        choices=[
            ("offset", _("ISO 8601 with offset, exact")),
            ("plain", _("2026-11-18 16:49:00, for spreadsheets")),
        ],
    )
    zone = forms.ChoiceField(label=_("Time zone"))

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        source: Source,
        membership: Membership,
        initial: dict[str, object] | None = None,
    ) -> None:
        super().__init__(data, initial=initial, auto_id="x_%s")
        self.source, self.membership = source, membership
        columns = [(column.key, column.label) for column in source.columns]
        self._choices("columns", columns)
        zones = dict.fromkeys([membership.merchant.zone.key, "UTC"])
        self._choices("zone", [(name, zone_place(ZoneInfo(name))) for name in zones])

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - a slip of ours, not of a user
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Refuse a file without columns."""
        values = self.cleaned_data
        if values.get("which") == CHOSEN and not values.get("columns"):
            self.add_error("columns", _("Choose at least one column."))
        return values

    @property
    def chosen(self) -> list[Column]:
        """The columns of the file, in its order."""
        which = self.cleaned_data["which"]
        if which == LISTED:
            return self.source.listed(self.membership)
        if which == CHOSEN:
            keys = self.cleaned_data["columns"]
            return [column for column in self.source.columns if column.key in keys]
        return list(self.source.columns)

    @property
    def style(self) -> Style:
        values = self.cleaned_data
        return Style(ZoneInfo(values["zone"]), with_offset=values["times"] == "offset")

    @property
    def remembered(self) -> dict[str, object]:
        """What stands in the dialog the next time; a zone only where it is not the merchant's."""
        values = self.cleaned_data
        is_own = values["zone"] == self.membership.merchant.zone.key
        return {
            "which": values["which"],
            "columns": values["columns"],
            "times": values["times"],
            "zone": "" if is_own else values["zone"],
        }
