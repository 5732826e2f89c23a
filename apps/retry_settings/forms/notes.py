"""The panel that notes what is set in Stripe: text in, `ProviderNotes` out. Nothing here saves."""

from dataclasses import asdict
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.dunning.provider_notes import MOST_TRIES, WINDOWS, ProviderNotes


class StripeNotesForm(forms.Form):
    """After `is_valid`, `notes` holds the notes."""

    schedule = forms.ChoiceField(
        label=_("Retries in Stripe"),
        choices=[
            ("unknown", _("Not noted")),
            ("smart", _("Smart Retries")),
            ("custom", _("Custom schedule")),
            ("off", _("Off")),
        ],
    )
    tries = forms.IntegerField(required=False, min_value=0, max_value=8, label=_("Tries"))
    window_days = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value="0",
        label=_("Within"),
        choices=[(0, _("Not noted")), *WINDOWS.items()],
    )
    subscription_end = forms.ChoiceField(
        label=_("If all retries fail, the subscription"),
        choices=[
            ("unknown", _("Not noted")),
            ("cancel", _("is canceled")),
            ("unpaid", _("is marked as unpaid")),
            ("past_due", _("is left past due")),
            ("pause", _("is paused")),
        ],
    )
    invoice_end = forms.ChoiceField(
        label=_("and the invoice"),
        choices=[
            ("unknown", _("Not noted")),
            ("leave", _("is left as it is")),
            ("uncollectible", _("is marked uncollectible")),
        ],
    )

    @classmethod
    def of(cls, notes: ProviderNotes) -> "StripeNotesForm":
        """Show notes as they are stored."""
        return cls(initial=asdict(notes), prefix="stripe")

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        schedule, tries = values.get("schedule"), values.get("tries") or 0
        most = MOST_TRIES.get(schedule or "", 8)
        if tries > most:
            words = _("Stripe offers at most %(most)s retries here.")
            self.add_error("tries", words % {"most": most})
        if not self.errors:
            values["notes"] = ProviderNotes(
                schedule=values["schedule"],
                tries=tries,
                window_days=int(values["window_days"]),
                subscription_end=values["subscription_end"],
                invoice_end=values["invoice_end"],
            )
        return values
