"""Settings > Customer Payments: the toggles and what they leave open. Saves nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.forms import BoundField
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.customer_payments.models import CustomerPaymentSettings
from apps.dunning.access import (
    MAX_GRACE_DAYS,
    MAX_STEP_DAYS,
    AccessRules,
    AccessRulesError,
    Ladder,
    State,
    Step,
    When,
)

MAX_ROWS = 12
RUNGS: tuple[State, ...] = ("banner", "limited", "revoked")

REASONS: tuple[tuple[str, str | Promise], ...] = (
    ("", _("Any reason")),
    ("funds", _("Insufficient funds")),
    ("issuer", _("Declined by bank")),
    ("technical", _("Processing error")),
    ("limits", _("Card limit reached")),
    ("unknown", _("Unknown reason")),
    ("none", _("Needs a new card")),
)

Offer = tuple[str, str]
"""A Stripe product id and the offer's name."""


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One row of the ladder's table as the page shows it."""

    number: int
    offer: BoundField
    reason: BoundField
    banner: BoundField
    limited: BoundField
    revoked: BoundField


class AccessForm(forms.Form):
    """The whole page. After `is_valid`, `cleaned_data["details"]` are the `AccessRules`."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    rows = forms.IntegerField(min_value=0, max_value=MAX_ROWS, widget=forms.HiddenInput)
    revoke_on_failure = forms.BooleanField(
        required=False,
        label=_("Revoke access after the first failed payment"),
        help_text=_(
            "For subscriptions and payment plans. The customer keeps their progress, and billing"
            " goes on. A payment that waits for 3-D Secure or for a bank is not a failure. Below you"
            " choose days of grace, or to wait until the tries are used up."
        ),
    )
    revoke_when = forms.ChoiceField(
        label=_("When"),
        choices=CustomerPaymentSettings.RevokeWhen.choices,
        widget=forms.RadioSelect,
    )
    grace_days = forms.IntegerField(
        label=_("Grace days"),
        min_value=0,
        max_value=MAX_GRACE_DAYS,
        help_text=_("So many days the customer keeps access, 0 to 30. With 0 it goes at once."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    covers = forms.ChoiceField(
        label=_("Offers it covers"),
        choices=[("all", _("All offers")), ("chosen", _("Only these"))],
        widget=forms.RadioSelect,
    )
    offers = forms.MultipleChoiceField(
        label=_("Offers"), required=False, widget=forms.CheckboxSelectMultiple
    )
    grant_on_success = forms.BooleanField(
        required=False,
        label=_("Grant access again when the payment succeeds"),
        help_text=_(
            "Within a minute. Gives back only what was taken automatically; access that a person"
            " revoked stays revoked. Neither change triggers your grant automations or welcome"
            " emails."
        ),
    )
    at_end = forms.ChoiceField(
        label=_("When the subscription ends after a failed payment"),
        choices=CustomerPaymentSettings.AtEnd.choices,
        widget=forms.RadioSelect,
    )
    after_return = forms.ChoiceField(
        label=_("When a recovered payment is refunded or disputed"),
        choices=CustomerPaymentSettings.AfterReturn.choices,
        widget=forms.RadioSelect,
    )
    people = forms.ChoiceField(
        label=_("Customers who are past due now"),
        required=False,
        choices=[("leave", "leave"), ("revoke", "revoke")],
        widget=forms.RadioSelect,
    )

    def __init__(self, data: Mapping[str, Any], *, offered: Sequence[Offer]) -> None:
        super().__init__(data)
        names = dict(offered)
        chosen = data.getlist("offers") if hasattr(data, "getlist") else data.get("offers", ())
        names |= {one: one for one in chosen if one not in names}
        cast("forms.MultipleChoiceField", self.fields["offers"]).choices = [*names.items()]
        self.row_count = _count(data.get("rows"))
        for number in range(self.row_count):
            self._add_row(number, names)

    @property
    def ladder_rows(self) -> Iterator[LadderRow]:
        """Yield the rows of the ladder's table."""
        for number in range(self.row_count):
            fields = {name: self[f"ladder_{number}_{name}"] for name in ("offer", "reason", *RUNGS)}
            yield LadderRow(number=number + 1, **fields)

    @property
    def has_ladders(self) -> bool:
        """Whether any row holds days; then the table stands open."""
        return any(row[rung].value() for row in self._row_fields() for rung in RUNGS)

    def clean(self) -> dict[str, Any]:
        """Build the rules; a row without days counts for nothing."""
        data = super().clean() or {}
        if data.get("covers") == "chosen" and not data.get("offers"):
            self.add_error("offers", _("Choose at least one offer, or cover all."))
        ladders = [ladder for number in range(self.row_count) if (ladder := self._ladder(number))]
        if not self.errors:
            when = cast("When", data["revoke_when"])
            data["details"] = AccessRules(
                revoke=when,
                grant=data["grant_on_success"],
                grace_days=data["grace_days"],
                offers=tuple(data["offers"]) if data["covers"] == "chosen" else None,
                ladders=tuple(ladders),
                at_end="keep" if data["at_end"] == "keep" else "revoke",
                after_return="revoke" if data["after_return"] == "revoke" else "leave",
            )
        return data

    def _add_row(self, number: int, offers: Mapping[str, str]) -> None:
        choices = [("", _("All offers")), *offers.items()]
        self.fields[f"ladder_{number}_offer"] = forms.ChoiceField(
            label=_("Offer"), required=False, choices=choices
        )
        self.fields[f"ladder_{number}_reason"] = forms.ChoiceField(
            label=_("Reason"), required=False, choices=REASONS
        )
        labels = {"banner": _("Notice"), "limited": _("Limited"), "revoked": _("Revoked")}
        for rung in RUNGS:
            self.fields[f"ladder_{number}_{rung}"] = forms.IntegerField(
                label=labels[rung],
                required=False,
                min_value=0,
                max_value=MAX_STEP_DAYS,
                widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
            )

    def _row_fields(self) -> Iterator[dict[str, BoundField]]:
        for number in range(self.row_count):
            yield {rung: self[f"ladder_{number}_{rung}"] for rung in RUNGS}

    def _ladder(self, number: int) -> Ladder | None:
        values = {rung: self.cleaned_data.get(f"ladder_{number}_{rung}") for rung in RUNGS}
        steps = tuple(Step(rung, days) for rung, days in values.items() if days is not None)
        if not steps:
            return None
        offer = self.cleaned_data.get(f"ladder_{number}_offer")
        reason = self.cleaned_data.get(f"ladder_{number}_reason")
        try:
            return Ladder(
                steps=steps,
                offers=(offer,) if offer else (),
                reasons=(reason,) if reason else (),
            )
        except AccessRulesError as error:
            last = f"ladder_{number}_{steps[-1].state}"
            self.add_error(last, str(error))
            return None


def values_of(stored: CustomerPaymentSettings) -> dict[str, Any]:
    """Give the stored choices as the form takes them, with one empty row for the ladder."""
    values: dict[str, Any] = {
        "version": stored.version,
        "rows": min(len(stored.ladders) + 1, MAX_ROWS),
        "revoke_on_failure": stored.revoke_on_failure,
        "revoke_when": stored.revoke_when,
        "grace_days": stored.grace_days,
        "covers": "all" if stored.covers_all_offers else "chosen",
        "offers": stored.offers,
        "grant_on_success": stored.grant_on_success,
        "at_end": stored.at_end,
        "after_return": stored.after_return,
        "people": "leave",
    }
    for number, ladder in enumerate(stored.rules.ladders):
        values[f"ladder_{number}_offer"] = ladder.offers[0] if ladder.offers else ""
        values[f"ladder_{number}_reason"] = ladder.reasons[0] if ladder.reasons else ""
        for step in ladder.steps:
            values[f"ladder_{number}_{step.state}"] = step.after_days
    return values


def _count(text: object) -> int:
    try:
        return min(max(int(str(text)), 0), MAX_ROWS)
    except ValueError:
        return 0
