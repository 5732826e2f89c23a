"""The choices in the head of the figures: period, comparison, currency and offer."""

import datetime as dt

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.analytics.queries.report import Period
from apps.web.spans import Locality

PERIODS = (
    ("7", _("Last 7 days")),
    ("30", _("Last 30 days")),
    ("90", _("Last 90 days")),
    ("365", _("Last 12 months")),
    ("own", _("Own days")),
)
LONGEST = 3 * 366


class PeriodForm(forms.Form):
    """All optional; what is missing or wrong falls back to the last 90 days, compared."""

    period = forms.ChoiceField(choices=PERIODS, required=False, label=_("Period"))
    first = forms.DateField(
        required=False, label=_("From"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        required=False, label=_("To"), widget=forms.DateInput(attrs={"type": "date"})
    )
    compare = forms.ChoiceField(
        choices=(("", _("With the period before")), ("off", _("With nothing"))),
        required=False,
        label=_("Compare"),
    )
    currency = forms.CharField(required=False, max_length=3)
    offer = forms.CharField(required=False, max_length=512)

    def clean(self) -> dict[str, object]:
        found: dict[str, object] = super().clean() or {}
        first, last = found.get("first"), found.get("last")
        if found.get("period") != "own":
            return found
        if not isinstance(first, dt.date) or not isinstance(last, dt.date):
            raise forms.ValidationError(_("Own days need a first and a last one."))
        if last < first:
            self.add_error("last", _("The last day comes before the first."))
        elif (last - first).days >= LONGEST:
            self.add_error("first", _("At most three years at once."))
        return found

    def chosen(self, local: Locality) -> Period:
        """Return the days to show; the last 90 where the form is not valid."""
        if self.is_valid() and self.cleaned_data["period"] == "own":
            return Period(self.cleaned_data["first"], self.cleaned_data["last"])
        days = int(self.cleaned_data.get("period") or 90) if self.is_valid() else 90
        return Period(local.today - dt.timedelta(days=days - 1), local.today)

    @property
    def compares(self) -> bool:
        return not self.is_valid() or self.cleaned_data["compare"] != "off"
