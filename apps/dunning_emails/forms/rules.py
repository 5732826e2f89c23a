"""Reminders and what comes when they are used up: of 3-D Secure, and of sent invoices."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.dunning.money import Money, to_decimal
from apps.dunning_emails.forms.emails import VersionedForm
from apps.dunning_emails.models import EmailSettings
from apps.web.filters import to_minor

MOST_REMINDERS = 5
End = EmailSettings.InvoiceEnd
SURE = _("Yes, Recoup may end invoices by itself as chosen. Voiding cannot be undone.")


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


class EndForm(VersionedForm):
    """A form with an end rule: what, after how many days, and a word that it is meant.

    Fields that were not sent leave the rule as it is.
    """

    prefix_of_end = ""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        end, days, sure = (f"{self.prefix_of_end}_{one}" for one in ("end", "end_days", "sure"))
        if values.get(end, "") in ("", End.LEAVE):
            return values
        if values.get(days) is None and days not in self.errors:
            self.add_error(days, gettext("Enter a number of days."))
        if not values.get(sure):
            self.add_error(sure, gettext("Tick this to let Recoup end invoices by itself."))
        return values

    def changes(self) -> dict[str, Any]:
        """Return the values to keep."""
        values = super().changes()
        values.pop(f"{self.prefix_of_end}_sure")
        for name in (f"{self.prefix_of_end}_end", f"{self.prefix_of_end}_end_days"):
            if values[name] in ("", None):
                del values[name]
        return values


class ConfirmForm(EndForm):
    """Reminders of payments that wait for the customer's bank, and their end."""

    prefix_of_end = "confirm"

    confirm_days = forms.CharField(
        label=_("Remind after (days)"),
        required=False,
        max_length=40,
        help_text=_("Whole days after the first email, separated by commas. Empty: no reminder."),
    )
    confirm_end = forms.ChoiceField(
        label=_("When the reminders are used up, the invoice"),
        choices=End.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    confirm_end_days = forms.IntegerField(
        label=_("So many days after the last reminder"),
        required=False,
        min_value=1,
        max_value=60,
        help_text=_(
            "For payments that fail from now on, where Recoup retries and the customer was written"
            " to. The subscription gets the final action of your retry settings; one that goes on"
            " keeps its invoice as uncollectible instead of void."
        ),
    )
    confirm_sure = forms.BooleanField(label=SURE, required=False)

    def clean_confirm_days(self) -> list[int]:
        days = whole_days(self.cleaned_data["confirm_days"], most=30)
        if days != sorted(set(days)):
            raise forms.ValidationError(gettext("Let the days rise, each once."))
        if len(days) > MOST_REMINDERS:
            raise forms.ValidationError(gettext("At most five reminders."))
        return days


class InvoicesForm(EndForm):
    """Reminders of invoices that customers pay by hand, by days around the due day, and their end."""

    prefix_of_end = "invoice"

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
    invoice_end = forms.ChoiceField(
        label=_("When it stays unpaid, Recoup should"),
        choices=End.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    invoice_end_days = forms.IntegerField(
        label=_("So many days past due"),
        required=False,
        min_value=1,
        max_value=365,
        help_text=_(
            "Invoices that are older than that today stay as they are. Never while a payment is under"
            " way; a partly paid invoice is not voided."
        ),
    )
    invoice_sure = forms.BooleanField(label=SURE, required=False)
    credit_up_to = forms.DecimalField(
        label=_("Credit a rest of up to"),
        required=False,
        max_digits=12,
        decimal_places=3,
        help_text=_(
            "When a customer paid all but a little, for example 20 USD, a credit note covers the rest"
            " and the invoice counts as paid. For invoices finalized from now on. Empty: never."
        ),
    )
    credit_currency = forms.CharField(
        label=_("in the currency"), required=False, max_length=3, help_text=_("Such as USD.")
    )

    @staticmethod
    def shown(stored: EmailSettings) -> dict[str, Any]:
        """Return what is stored as the fields show it."""
        days, limit = stored.invoice_days, stored.credit_up_to_minor
        return {
            "days_before": ", ".join(str(-day) for day in sorted(days) if day < 0),
            "on_the_day": 0 in days,
            "days_after": ", ".join(str(day) for day in sorted(days) if day > 0),
            "invoice_end": stored.invoice_end,
            "invoice_end_days": stored.invoice_end_days,
            "invoice_sure": stored.invoice_end != End.LEAVE,
            "credit_up_to": None
            if limit is None
            else to_decimal(Money(limit, stored.credit_currency)),
            "credit_currency": stored.credit_currency.upper(),
        }

    def clean_days_before(self) -> list[int]:
        return self._each_once("days_before", most=60)

    def clean_days_after(self) -> list[int]:
        return self._each_once("days_after", most=28)

    def clean_credit_up_to(self) -> Any:
        amount = self.cleaned_data["credit_up_to"]
        if amount is not None and amount <= 0:
            raise forms.ValidationError(gettext("Enter more than nothing, or leave it empty."))
        return amount

    def clean_credit_currency(self) -> str:
        currency = str(self.cleaned_data["credit_currency"]).strip().lower()
        if currency and not re.fullmatch(r"[a-z]{3}", currency):
            raise forms.ValidationError(gettext("Enter a currency of three letters, such as USD."))
        return currency

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        amount, currency = values.get("credit_up_to"), values.get("credit_currency", "")
        if amount is None or self.errors:
            return values
        if not currency:
            self.add_error("credit_currency", gettext("Say in which currency."))
        elif not to_minor(amount, currency):
            self.add_error("credit_up_to", gettext("This currency has no such small amounts."))
        return values

    def changes(self) -> dict[str, Any]:
        """Return the values as they are stored; of days, less than nothing is before the due day."""
        values = super().changes()
        before, on, after = (values.pop(one) for one in ("days_before", "on_the_day", "days_after"))
        amount, currency = values.pop("credit_up_to"), values.pop("credit_currency")
        return {
            **values,
            "invoice_days": sorted({*(-day for day in before), *([0] if on else []), *after}),
            "credit_up_to_minor": to_minor(amount, currency),
            "credit_currency": currency if amount is not None else "",
        }

    def _each_once(self, name: str, *, most: int) -> list[int]:
        days = whole_days(self.cleaned_data[name], most=most)
        if len(days) != len(set(days)):
            raise forms.ValidationError(gettext("Enter each day once."))
        if len(days) > MOST_REMINDERS:
            raise forms.ValidationError(gettext("At most five reminders."))
        return days
