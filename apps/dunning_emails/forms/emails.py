"""The sections under the list of emails."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.dunning_emails.models import EmailSettings

MOST_REMINDERS = 5


class VersionedForm(forms.Form):
    """A part of the settings that somebody else may be changing too."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def changes(self) -> dict[str, Any]:
        """Return the values to keep."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


def whole_days(text: str, *, most: int) -> list[int]:
    """Read days from a text such as "10, 3"; none from an empty one.

    Raises:
        ValidationError: something in it is no whole number from 1 to `most`.
    """
    given = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and 1 <= int(part) <= most for part in given):
        wrong = gettext("Enter whole days from 1 to %(most)s, with commas.")
        raise forms.ValidationError(wrong % {"most": most})
    return [int(part) for part in given]


class ConfirmForm(VersionedForm):
    confirm_days = forms.CharField(
        label=_("Remind after (days)"),
        required=False,
        max_length=40,
        help_text=_("Whole days after the first email, separated by commas. Empty: no reminder."),
    )

    def clean_confirm_days(self) -> list[int]:
        days = whole_days(self.cleaned_data["confirm_days"], most=30)
        if days != sorted(set(days)):
            raise forms.ValidationError(gettext("Let the days rise, each once."))
        if len(days) > MOST_REMINDERS:
            raise forms.ValidationError(gettext("At most five reminders."))
        return days


class InvoicesForm(VersionedForm):
    """Reminders of invoices that customers pay by hand, by days around the due day."""

    days_before = forms.CharField(
        label=_("Remind before it is due (days)"),
        required=False,
        max_length=40,
        help_text=_("Whole days, separated by commas. Empty: no reminder before."),
    )
    on_the_day = forms.BooleanField(label=_("Remind on the day it is due"), required=False)
    days_after = forms.CharField(
        label=_("Remind after it was due (days)"),
        required=False,
        max_length=40,
        help_text=_(
            "Whole days, separated by commas. Up to 28: Stripe's page of the invoice works for 30."
        ),
    )

    @staticmethod
    def shown(days: Sequence[int]) -> dict[str, Any]:
        """Return stored days as the fields show them."""
        return {
            "days_before": ", ".join(str(-day) for day in sorted(days) if day < 0),
            "on_the_day": 0 in days,
            "days_after": ", ".join(str(day) for day in sorted(days) if day > 0),
        }

    def clean_days_before(self) -> list[int]:
        return self._each_once("days_before", most=60)

    def clean_days_after(self) -> list[int]:
        return self._each_once("days_after", most=28)

    def _each_once(self, name: str, *, most: int) -> list[int]:
        days = whole_days(self.cleaned_data[name], most=most)
        if len(days) != len(set(days)):
            raise forms.ValidationError(gettext("Enter each day once."))
        if len(days) > MOST_REMINDERS:
            raise forms.ValidationError(gettext("At most five reminders."))
        return days

    def changes(self) -> dict[str, Any]:
        """Return the days as they are stored: less than nothing is before the due day."""
        values = super().changes()
        before, on, after = (values.pop(one) for one in ("days_before", "on_the_day", "days_after"))
        days = {*(-day for day in before), *([0] if on else []), *after}
        return {**values, "invoice_days": sorted(days)}


class CalmForm(VersionedForm):
    quiet_from = forms.IntegerField(
        label=_("Nothing from (hour)"), min_value=0, max_value=23, help_text=_("0 to 23.")
    )
    quiet_until = forms.IntegerField(
        label=_("until (hour)"),
        min_value=0,
        max_value=23,
        help_text=_("In the customer's time zone. The same hour twice: no quiet hours."),
    )
    weekly_cap = forms.IntegerField(
        label=_("Most emails to one person in 7 days"),
        min_value=1,
        max_value=7,
        help_text=_("Confirmations their bank waits for, and thanks, are not counted."),
    )


class TargetForm(VersionedForm):
    link_target = forms.ChoiceField(
        label=_("The link in emails leads to"),
        choices=EmailSettings.LinkTarget.choices,
        widget=forms.RadioSelect,
    )
    own_link = forms.URLField(
        label=_("Your page"),
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text=_("Begins with https://. Customers sign in there and change their card."),
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("link_target") != EmailSettings.LinkTarget.OWN:
            return values
        link = values.get("own_link", "")
        if not link and "own_link" not in self.errors:
            self.add_error("own_link", gettext("Enter the address of your page."))
        elif link and urlsplit(link).scheme != "https":
            self.add_error("own_link", gettext("Use an address that begins with https://."))
        return values


class AlertsForm(VersionedForm):
    owner_alerts = forms.ChoiceField(
        label=_("Emails to owners and admins"),
        choices=EmailSettings.OwnerAlerts.choices,
        widget=forms.RadioSelect,
    )
