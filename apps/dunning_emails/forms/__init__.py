"""Text in, typed values out; nothing is saved here."""

from apps.dunning_emails.forms.branding import BrandingForm
from apps.dunning_emails.forms.emails import AlertsForm, CalmForm, TargetForm
from apps.dunning_emails.forms.rules import ConfirmForm, InvoicesForm
from apps.dunning_emails.forms.words import WordsForm

__all__ = [
    "AlertsForm",
    "BrandingForm",
    "CalmForm",
    "ConfirmForm",
    "InvoicesForm",
    "TargetForm",
    "WordsForm",
]
