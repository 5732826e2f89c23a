"""What a merchant wants to hear about, and how pages look: text in, typed value out."""

from zoneinfo import available_timezones

from babel import Locale
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

    mails_weekly = forms.BooleanField(
        required=False,
        label=_("Mail the weekly review"),
        help_text=_("On Monday morning, to owners and admins, when there is anything to say."),
    )

    @classmethod
    def of(cls, stored: AlertSettings) -> "AlertSettingsForm":
        """Show what is stored."""
        return cls(initial={name: getattr(stored, name) for name in cls.base_fields})


LOCALES = ("en_US", "en_GB", "en_AU", "en_CA", "de_DE", "es_ES", "fr_FR", "it_IT", "nl_NL", "pt_BR")
"""How numbers and dates are written; the words are English in all of them."""


def zone_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Give the zones people live in, by part of the world."""
    parts: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(available_timezones()):
        part, _slash, place = name.partition("/")
        if place and part not in ("Etc", "SystemV", "US", "Brazil", "Canada", "Chile", "Mexico"):
            parts.setdefault(part, []).append((name, place.replace("_", " ")))
    return [("UTC", [("UTC", "UTC")]), *parts.items()]


class PreferencesForm(forms.Form):
    """A merchant's time zone and how numbers are written."""

    time_zone = forms.ChoiceField(
        choices=zone_choices,
        label=_("Time zone"),
        help_text=_("Days of figures, hours of retries and quiet hours of mails follow it."),
    )
    locale = forms.ChoiceField(
        choices=[(name, str(Locale.parse(name).get_display_name("en"))) for name in LOCALES],
        label=_("Numbers and dates"),
        help_text=_("How amounts and days are written. The words stay English."),
    )


class ImportForm(forms.Form):
    """How far back history is brought in."""

    months = forms.TypedChoiceField(
        choices=(
            (0, _("Everything")),
            (24, _("2 years")),
            (12, _("12 months")),
            (3, _("3 months")),
        ),
        coerce=int,
        label=_("How far back"),
    )
