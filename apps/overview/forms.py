"""What a merchant wants to hear about: text in, typed value out."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.analytics.models import AlertSettings


class AlertSettingsForm(forms.Form):
    """The thresholds of alerts, and which mails come."""

    retry_success_percent = forms.IntegerField(
        min_value=0,
        max_value=100,
        label=_("Tell us when fewer retries succeed than, in per cent"),
        help_text=_("Retries of the last 7 days that were paid. 30 is what guides advise."),
    )
    retry_success_sample = forms.IntegerField(
        min_value=5,
        max_value=10_000,
        label=_("But only from so many retries on"),
        help_text=_("Fewer say nothing."),
    )
    silent_hours = forms.IntegerField(
        min_value=1,
        max_value=720,
        label=_("Tell us when Stripe's events stay away for, in hours"),
        help_text=_("Only if Stripe has events it did not send: a quiet day is no trouble."),
    )
    mails_alerts = forms.BooleanField(
        required=False,
        label=_("Mail each alert"),
        help_text=_("Once, to owners and admins."),
    )

    @classmethod
    def of(cls, stored: AlertSettings) -> "AlertSettingsForm":
        """Show what is stored."""
        return cls(initial={name: getattr(stored, name) for name in cls.base_fields})
