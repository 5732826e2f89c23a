"""The sections under the list of emails."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.dunning_emails.models import EmailSettings


class VersionedForm(forms.Form):
    """A part of the settings that somebody else may be changing too."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def changes(self) -> dict[str, Any]:
        """Return the values to keep."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


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
        help_text=_(
            "Confirmations their bank waits for, invoices themselves and thanks are not counted."
        ),
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
