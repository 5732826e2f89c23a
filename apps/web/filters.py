"""The filter form of a list: what is in the address, as chips, and as a canonical address again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.dunning.money import Money, exponent
from apps.web.formats import format_money
from apps.web.lists import PAGE_SIZES
from apps.web.spans import Locality, period_text

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Lazy


@dataclass(frozen=True, slots=True)
class ChipSpec:
    """A chip over one or several fields of the form; with `rare` under More until it is used."""

    key: str
    label: str | Promise
    fields: tuple[str, ...]
    rare: bool = False


TAB_CAP = 999
"""Above it a tab says "999+"."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A view of the list as a link; `count` is "" where its rows were not counted."""

    label: str | Promise
    query: str
    is_current: bool
    count: str = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip as the template shows it; `text` is "" while nothing is chosen."""

    key: str
    label: str | Promise
    fields: list[forms.BoundField]
    text: str
    clear_query: str
    is_rare: bool


def checks(label: Lazy) -> forms.MultipleChoiceField:
    """Return a field of several choices."""
    return forms.MultipleChoiceField(
        required=False, label=label, widget=forms.CheckboxSelectMultiple
    )


def radios(label: Lazy, choices: Sequence[tuple[str, str | Promise]]) -> forms.ChoiceField:
    """Return a field of one choice, or none."""
    return forms.ChoiceField(
        required=False, label=label, widget=forms.RadioSelect, choices=[("", _("Any")), *choices]
    )


def day(label: Lazy) -> forms.DateField:
    """Return a field for a day."""
    return forms.DateField(
        required=False, label=label, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )


def amount(label: Lazy) -> forms.DecimalField:
    """Return a field for an amount in whole units, from nothing up."""
    return forms.DecimalField(required=False, min_value=0, max_digits=14, label=label)


class ListForm(forms.Form):
    """Search, sort and filters of a list, all from the address; what is not valid does not filter.

    A list adds its fields, `views`, `chips`, `sorts` and `hidden`. Nothing here is saved.
    """

    views: ClassVar[Sequence[tuple[str, str | Promise]]] = ()
    chips: ClassVar[Sequence[ChipSpec]] = ()
    sorts: ClassVar[Sequence[tuple[str, str | Promise]]] = ()
    hidden: ClassVar[Sequence[str]] = ("view", "rows")
    open_sets: ClassVar[Sequence[str]] = ()
    """Fields that take values beyond the offered ones, as long as the address names them."""
    default_sort: ClassVar[str] = ""

    view = forms.ChoiceField(required=False)
    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    sort = forms.ChoiceField(required=False, label=_("Sort"), widget=forms.RadioSelect)
    min = amount(_("From"))
    max = amount(_("To"))
    currency = forms.ChoiceField(required=False, label=_("Currency"))
    rows = forms.TypedChoiceField(required=False, coerce=int, choices=[(n, n) for n in PAGE_SIZES])

    def __init__(
        self,
        data: QueryDict,
        *,
        local: Locality,
        currencies: Sequence[str],
        **choices: Sequence[tuple[str, str | Promise]],
    ) -> None:
        super().__init__(data, auto_id="f_%s")
        self.local = local
        self.only_currency = currencies[0] if len(currencies) == 1 else ""
        codes = [(code, code.upper()) for code in currencies]
        any_of = ("", self.only_currency.upper() or _("Any"))
        self._set_choices("currency", [any_of, *([] if self.only_currency else codes)])
        # The address says "from", which a class body cannot.
        self.fields |= {"from": day(_("From")), "to": day(_("To"))}
        self._set_choices("view", self.views)
        self._set_choices("sort", self.sorts)
        for name, options in choices.items():
            self._set_choices(name, options)
        self.full_clean()

    def _set_choices(self, name: str, options: Sequence[tuple[str, str | Promise]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - a slip of ours, not of a user
        field.choices = list(options)
        if name in self.open_sets:
            known = {key for key, _label in options}
            asked = dict.fromkeys(self.data.getlist(name))  # type: ignore[attr-defined]
            field.choices += [(key, key) for key in asked if key and key not in known]

    def value(self, name: str) -> Any:
        """Return the cleaned value of a field, or what is empty for it when it was not valid."""
        found, field = self.cleaned_data.get(name), self.fields[name]
        if found is None and isinstance(field, forms.MultipleChoiceField):
            return []
        if found is None and isinstance(field, forms.CharField | forms.ChoiceField):
            return ""
        return found

    def clean(self) -> dict[str, Any]:
        """Refuse amounts without a currency: 50 dollars and 50 yen are not the same filter."""
        if self._has_amount and not self.chosen_currency:
            self.add_error("currency", _("Choose a currency for the amount."))
        return self.cleaned_data

    @property
    def _has_amount(self) -> bool:
        return self.value("min") is not None or self.value("max") is not None

    @property
    def chosen_currency(self) -> str:
        """The chosen currency; the merchant's only one once an amount is given; else ""."""
        chosen = str(self.value("currency"))
        return chosen or (self.only_currency if self._has_amount else "")

    def minor(self, name: str) -> int | None:
        """Return an amount in the smallest unit of the chosen currency; None without one."""
        currency = self.chosen_currency
        return to_minor(self.value(name), currency) if currency else None

    @property
    def sort_key(self) -> str:
        return str(self.value("sort") or self.default_sort)

    @property
    def size(self) -> int:
        return int(self.value("rows") or PAGE_SIZES[0])

    def values(self) -> dict[str, list[str]]:
        """Return what differs from an empty form, as the address writes it."""
        found: dict[str, list[str]] = {}
        for name in self.fields:
            value = self.cleaned_data.get(name)
            texts = [str(one) for one in value] if isinstance(value, list) else [_text(value)]
            texts = [text for text in texts if text]
            if texts and texts != [self._default(name)]:
                found[name] = texts
        return found

    def _default(self, name: str) -> str:
        return {"sort": self.default_sort, "rows": str(PAGE_SIZES[0])}.get(name, "")

    def query(self, **changes: str | Sequence[str]) -> str:
        """Return the canonical query of the address, with some values changed; "" is none.

        Keys are sorted, empty and default values left out. A cursor is kept out: other filters,
        other page.
        """
        values: dict[str, Any] = {**self.values(), **changes}
        pairs = sorted((name, value) for name, value in values.items() if value)
        return urlencode(pairs, doseq=True)

    @property
    def hidden_values(self) -> list[tuple[str, str]]:
        """What the form carries along unseen."""
        values = self.values()
        return [(name, text) for name in self.hidden for text in values.get(name, ())]

    @property
    def chip_list(self) -> list[Chip]:
        return [
            Chip(
                key=spec.key,
                label=spec.label,
                fields=[self[name] for name in spec.fields],
                text=self.chip_text(spec),
                clear_query=self.query(**dict.fromkeys(spec.fields, "")),
                is_rare=spec.rare,
            )
            for spec in self.chips
        ]

    @property
    def shown_chips(self) -> list[Chip]:
        return [chip for chip in self.chip_list if chip.text or not chip.is_rare]

    @property
    def more_chips(self) -> list[Chip]:
        """What stands under More."""
        return [chip for chip in self.chip_list if chip.is_rare and not chip.text]

    @property
    def is_filtered(self) -> bool:
        return any(chip.text for chip in self.chip_list)

    @property
    def clear_query(self) -> str:
        """The address without filters; search, sort and view stay."""
        return self.query(**self._no_filters)

    @property
    def _no_filters(self) -> dict[str, str]:
        return dict.fromkeys([name for spec in self.chips for name in spec.fields], "")

    @property
    def tabs(self) -> list[Tab]:
        """The views; one begins without filters, search and sort stay."""
        return self.counted_tabs({})

    def counted_tabs(self, counts: Mapping[str, int]) -> list[Tab]:
        """Return the views with the rows of each, which `counts` has up to just over TAB_CAP.

        Beside a search nothing is counted: the number would not be that of the list behind the tab.
        """
        current = self.value("view")
        shown = {} if self.value("q") else counts
        return [
            Tab(
                label,
                self.query(**self._no_filters | {"view": name}),
                name == current,
                _count_text(shown.get(name)),
            )
            for name, label in self.views
        ]

    @property
    def sort_label(self) -> str:
        return str(dict(self.sorts)[self.sort_key])

    @property
    def scope(self) -> str:
        """What is listed, for titles: the statuses filtered by, else the view, else ""."""
        statuses = ", ".join(self._labels("status")) if "status" in self.fields else ""
        return statuses or (", ".join(self._labels("view")) if self.value("view") else "")

    @property
    def file_word(self) -> str:
        """The middle of an export's file name: "failed", "filtered", or "" for everything."""
        values = self.values()
        narrowing = set(values) - {"sort", "rows"}
        chosen = [*values.get("view", ()), *values.get("status", ())]
        if narrowing <= {"view", "status"} and len(chosen) <= 1:
            return "".join(chosen).replace("_", "-")
        return "filtered"

    def chip_text(self, spec: ChipSpec) -> str:
        """Return what a chip says about its chosen values."""
        value = self.value
        if spec.key == "date":
            return period_text(
                self.local, period=value("period"), first=value("from"), last=value("to")
            )
        if spec.key == "amount" and self.chosen_currency:
            return amount_text(
                self.local,
                minimum=value("min"),
                maximum=value("max"),
                currency=self.chosen_currency,
            )
        return ", ".join(text for name in spec.fields for text in self._labels(name))

    def _labels(self, name: str) -> list[str]:
        field, chosen = self.fields[name], self.value(name)
        if isinstance(field, forms.ChoiceField):
            labels: Mapping[str, str] = {str(key): str(label) for key, label in field.choices}  # type: ignore[union-attr,misc]
            keys = chosen if isinstance(chosen, list) else [chosen]
            return [labels[str(key)] for key in keys if key and str(key) in labels]
        return [str(chosen)] if chosen not in (None, "") else []


def _count_text(number: int | None) -> str:
    if number is None:
        return ""
    return f"{TAB_CAP}+" if number > TAB_CAP else str(number)


def _text(value: object) -> str:
    return "" if value is None or value is False else str(value)


def amount_text(
    local: Locality, *, minimum: Decimal | None, maximum: Decimal | None, currency: str
) -> str:
    """Return what an amount chip says; without a currency nothing was filtered by amount."""
    if minimum is None and maximum is None:
        return currency.upper()
    low, high = (
        format_money(Money(minor, currency), locale=local.locale) if minor is not None else ""
        for minor in (to_minor(minimum, currency), to_minor(maximum, currency))
    )
    if low and high:
        return f"{low} \N{EN DASH} {high}"
    return (gettext("from %(amount)s") if low else gettext("up to %(amount)s")) % {
        "amount": low or high
    }


def to_minor(amount: Decimal | None, currency: str) -> int | None:
    """Return an amount people wrote in the smallest unit: 19.99 usd is 1999."""
    return None if amount is None else int(amount.scaleb(exponent(currency)))
