"""Text in, typed values out; nothing is saved here."""

from apps.dunning_emails.forms.branding import BrandingForm
from apps.dunning_emails.forms.emails import (
    AlertsForm,
    CalmForm,
    ConfirmForm,
    InvoicesForm,
    TargetForm,
)
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
