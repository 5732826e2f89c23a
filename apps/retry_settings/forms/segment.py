"""The conditions of a segment: text in, `dunning.Segment` out. Nothing here saves."""

import re
from collections.abc import Mapping
from typing import Any, get_args

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.dunning.money import Money, to_decimal
from apps.dunning.rules import RulesError
from apps.dunning.segments import Interval, MethodKind, Segment
from apps.web.filters import to_minor

INTERVALS = get_args(Interval)
METHODS = get_args(MethodKind)
DAYS_A_MONTH = 30
LABELS = {
    "day": _("Daily"),
    "week": _("Weekly"),
    "month": _("Monthly"),
    "year": _("Yearly"),
    "card": _("Card"),
    "debit": _("Bank debit"),
    "other": _("Something else"),
}


def segment_fields(name: str, segment: Segment) -> dict[str, str]:
    """Write a segment into fields."""
    amounts = {
        key: str(to_decimal(Money(number, segment.amount_currency)))
        for key, number in (("amount_from", segment.amount_from), ("amount_to", segment.amount_to))
        if number is not None
    }
    return {
        "name": name,
        "products": "\n".join(segment.products),
        "currencies": ", ".join(one.upper() for one in segment.currencies),
        "countries": ", ".join(segment.countries),
        "amount_currency": segment.amount_currency.upper(),
        **amounts,
        **{
            key: str(number)
            for key, number in (
                ("tenure_from", segment.tenure_from),
                ("tenure_to", segment.tenure_to),
            )
            if number is not None
        },
        "metadata": "\n".join(f"{key} = {value}" for key, value in segment.metadata.items()),
        **{f"interval_{one}": "on" for one in segment.intervals},
        **{f"method_{one}": "on" for one in segment.methods},
    }


class SegmentForm(forms.Form):
    """A policy's name and conditions. After `is_valid`, `segment` holds the conditions."""

    name = forms.CharField(max_length=80, label=_("Name"))
    products = forms.CharField(
        required=False,
        label=_("Offers"),
        help_text=_("Their names or Stripe product ids, one per line. Empty: all."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    amount_from = forms.DecimalField(required=False, min_value=0, label=_("Amount from"))
    amount_to = forms.DecimalField(required=False, min_value=0, label=_("to"))
    amount_currency = forms.CharField(required=False, max_length=3, label=_("in"))
    currencies = forms.CharField(
        required=False, label=_("Currencies"), help_text=_("For example: USD, EUR. Empty: all.")
    )
    countries = forms.CharField(
        required=False,
        label=_("Countries"),
        help_text=_("Two letters each, such as DE, AT. The billing address, else the card."),
    )
    tenure_from = forms.IntegerField(
        required=False, min_value=0, max_value=20000, label=_("Subscribed for days, from")
    )
    tenure_to = forms.IntegerField(required=False, min_value=0, max_value=20000, label=_("to"))
    metadata = forms.CharField(
        required=False,
        label=_("Metadata"),
        help_text=_(
            "One “key = value” per line, all must hold. Read from the invoice, the subscription"
            " and the customer."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, draft: Mapping[str, str], *, show_errors: bool = False) -> None:
        super().__init__(draft, auto_id="id_%s")
        self.shows_errors = show_errors
        self.fields["name"].required = show_errors  # a new one has none yet
        for kind, values in (("interval", INTERVALS), ("method", METHODS)):
            for value in values:
                self.fields[f"{kind}_{value}"] = forms.BooleanField(
                    required=False, label=LABELS[value]
                )

    @property
    def interval_fields(self) -> list[forms.BoundField]:
        return [self[f"interval_{value}"] for value in INTERVALS]

    @property
    def method_fields(self) -> list[forms.BoundField]:
        return [self[f"method_{value}"] for value in METHODS]

    @property
    def error_list(self) -> list[tuple[str, str]]:
        """Return (id of the field, words) of every error."""
        if not self.shows_errors:
            return []
        return [
            (self[name].id_for_label if name in self.fields else "", str(message))
            for name, messages in self.errors.items()
            for message in messages
        ]

    def clean_currencies(self) -> tuple[str, ...]:
        return tuple(one.lower() for one in self._codes("currencies", 3))

    def clean_countries(self) -> tuple[str, ...]:
        return self._codes("countries", 2)

    def clean_amount_currency(self) -> str:
        currency: str = self.cleaned_data["amount_currency"].strip().lower()
        if currency and not re.fullmatch(r"[a-z]{3}", currency):
            raise forms.ValidationError(_("Enter a currency of three letters, such as USD."))
        return currency

    def clean_metadata(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in self.cleaned_data["metadata"].splitlines():
            if not line.strip():
                continue
            key, equals, value = (part.strip() for part in line.partition("="))
            if not (key and equals):
                raise forms.ValidationError(_("Write “key = value”, one per line."))
            found[key] = value
        return found

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if self.errors:
            return values
        currency = values["amount_currency"]
        amounts = {key: values[key] for key in ("amount_from", "amount_to")}
        if any(one is not None for one in amounts.values()) and not currency:
            self.add_error("amount_currency", _("Say in which currency."))
            return values
        try:
            values["segment"] = segment = Segment(
                products=tuple(
                    line.strip() for line in values["products"].splitlines() if line.strip()
                ),
                currencies=values["currencies"],
                countries=values["countries"],
                intervals=tuple(one for one in INTERVALS if values[f"interval_{one}"]),
                methods=tuple(one for one in METHODS if values[f"method_{one}"]),
                amount_currency=currency if any(v is not None for v in amounts.values()) else "",
                tenure_from=values["tenure_from"],
                tenure_to=values["tenure_to"],
                metadata=values["metadata"],
                **{key: to_minor(one, currency) for key, one in amounts.items()},
            )
            segment.validate()
        except RulesError as error:
            self.add_error("tenure_to" if "time" in str(error) else "amount_to", str(error))
        return values

    def _codes(self, name: str, length: int) -> tuple[str, ...]:
        parts = [one for one in re.split(r"[\s,;]+", self.cleaned_data[name].upper()) if one]
        if wrong := [one for one in parts if not re.fullmatch(rf"[A-Z]{{{length}}}", one)]:
            words = _("“%(one)s” does not have %(length)s letters.")
            raise forms.ValidationError(words % {"one": wrong[0], "length": length})
        return tuple(dict.fromkeys(parts))


def in_words(segment: Segment) -> list[str]:
    """Say the conditions of a segment, each in a few words; empty where there is none."""
    words: list[str] = []
    if segment.products:
        words.append(", ".join(segment.products))
    words += _amount_words(segment)
    words += [", ".join(one.upper() for one in segment.currencies)] if segment.currencies else []
    for values in (segment.intervals, segment.methods):
        if values:
            words.append(", ".join(str(LABELS[one]) for one in values))
    words += [", ".join(segment.countries)] if segment.countries else []
    if segment.tenure_from is not None or segment.tenure_to is not None:
        words.append(f"subscribed for {_span(segment.tenure_from, segment.tenure_to)} days")
    return [*words, *(f"{key} = {value}" for key, value in segment.metadata.items())]


def _amount_words(segment: Segment) -> list[str]:
    if segment.amount_from is None and segment.amount_to is None:
        return []
    texts = [
        None if one is None else str(to_decimal(Money(one, segment.amount_currency)))
        for one in (segment.amount_from, segment.amount_to)
    ]
    return [f"{_span(*texts)} {segment.amount_currency.upper()}"]


def _span(low: object, high: object) -> str:
    if low is None:
        return f"up to {high}"
    return f"{low} or more" if high is None else f"{low} to {high}"
