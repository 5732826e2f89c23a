"""The part of the retry settings that is no schedule: switches, hours and what follows at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.dunning.limits import DEBIT_SCHEMES, DebitScheme
from apps.dunning.money import Money
from apps.dunning.rules import MAX_GAP_HOURS, MAX_JITTER_MINUTES, MAX_TRIES, RetryRules

SWITCHES = (
    "recurring",
    "one_off",
    "debits_recurring",
    "debits_one_off",
    "rotates",
    "midnight_debit_cards",
)
NUMBERS = ("gap_hours", "backup_after", "jitter_minutes", "minimum_gap_hours")
CHOICES = ("final_action", "invoice_action", "bought_again")
DEFAULTS = RetryRules("recoup", "custom")


@dataclass(frozen=True, slots=True)
class SchemeRow:
    """One scheme of the table of bank debits."""

    name: str
    types: str
    retries: int
    period_days: int
    minimum: Money
    availability: str
    mandate_url: str


def option_fields(rules: RetryRules) -> dict[str, str]:
    """Write the options of rules into fields; a switch that is off has none."""
    fields = {name: str(getattr(rules, name)) for name in (*NUMBERS, *CHOICES)}
    return fields | {name: "on" for name in SWITCHES if getattr(rules, name)}


def scheme_rows() -> list[SchemeRow]:
    """List what each debit scheme allows, one row for types that share one."""
    found: dict[str, list[str]] = {}
    by_name: dict[str, DebitScheme] = {}
    for kind, scheme in DEBIT_SCHEMES.items():
        found.setdefault(scheme.name, []).append(kind)
        by_name[scheme.name] = scheme
    return [
        SchemeRow(
            name=name,
            types=", ".join(found[name]),
            retries=scheme.retries,
            period_days=scheme.period_days,
            minimum=scheme.minimum,
            availability=scheme.availability,
            mandate_url=scheme.mandate_url,
        )
        for name, scheme in by_name.items()
    ]


def _number(low: int, high: int, label: Any) -> forms.IntegerField:
    words = _("Enter %(low)s to %(high)s.") % {"low": low, "high": high}
    return forms.IntegerField(
        min_value=low,
        max_value=high,
        required=False,
        label=label,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), words),
    )


class OptionsForm(forms.Form):
    """Every value of `RetryRules` that is neither engine nor schedule.

    A number left empty is the default; a choice not posted as well.
    """

    final_action = forms.ChoiceField(
        required=False,
        label=_("The subscription"),
        choices=[
            ("cancel", _("Cancel the subscription")),
            ("leave_past_due", _("Leave the subscription past due")),
            ("pause", _("Pause the collection of payments")),
        ],
    )
    invoice_action = forms.ChoiceField(
        required=False,
        label=_("The unpaid invoice"),
        choices=[
            ("leave_open", _("Leave it open")),
            ("uncollectible", _("Mark it uncollectible")),
            ("void", _("Void it")),
        ],
    )
    bought_again = forms.ChoiceField(
        required=False,
        label=_("If the customer buys the offer again"),
        choices=[
            ("stop", _("Stop trying")),
            ("ask", _("Hold the case and ask")),
        ],
        error_messages={"invalid_choice": _("Choose to stop, or to hold the case and ask.")},
    )
    recurring = forms.BooleanField(
        required=False, label=_("Subscriptions and payment plans"), initial=True
    )
    one_off = forms.BooleanField(required=False, label=_("One-off invoices"))
    debits_recurring = forms.BooleanField(
        required=False, label=_("Retry bank debits of subscriptions and payment plans")
    )
    debits_one_off = forms.BooleanField(
        required=False, label=_("Retry bank debits of one-off invoices")
    )
    rotates = forms.BooleanField(
        required=False, label=_("Vary the time of day: 10:00, 14:00, 20:00, then again")
    )
    midnight_debit_cards = forms.BooleanField(
        required=False, label=_("Try debit cards at 00:01 in the customer's time zone")
    )
    gap_hours = _number(1, MAX_GAP_HOURS, _("Hours to keep from Stripe's next try"))
    backup_after = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value="0",
        label=_("Charge a backup card"),
        choices=[
            (0, _("Never")),
            *((n, _("After retry %(n)s failed") % {"n": n}) for n in range(1, MAX_TRIES + 1)),
        ],
    )
    jitter_minutes = _number(0, MAX_JITTER_MINUTES, _("Spread retries over minutes"))
    minimum_gap_hours = _number(1, MAX_GAP_HOURS, _("Hours between two tries at least"))

    @property
    def schemes(self) -> list[SchemeRow]:
        """List what each debit scheme allows."""
        return scheme_rows()

    def clean_backup_after(self) -> int:
        return int(self.cleaned_data["backup_after"])

    def options(self) -> Mapping[str, Any]:
        """Return the cleaned options as arguments for `RetryRules`."""
        values = self.cleaned_data
        numbers = {name: values.get(name) for name in NUMBERS}
        choices = {name: values.get(name) or getattr(DEFAULTS, name) for name in CHOICES}
        return {
            **{name: bool(values.get(name)) for name in SWITCHES},
            **{
                name: getattr(DEFAULTS, name) if number is None else number
                for name, number in numbers.items()
            },
            **choices,
        }
