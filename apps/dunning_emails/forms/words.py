"""The words of one mail."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.dunning.mails.texts import VARIABLE, VARIABLES, Words


class WordsForm(forms.Form):
    subject = forms.CharField(label=_("Subject"), max_length=200)
    preview = forms.CharField(
        label=_("Preview text"),
        max_length=200,
        required=False,
        help_text=_("What an inbox shows after the subject."),
    )
    body = forms.CharField(
        label=_("Text"),
        max_length=6000,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text=_(
            "**bold**, *italic*, - lists, [text](https://…). An empty line begins a paragraph."
        ),
    )
    button = forms.CharField(label=_("Button"), max_length=60, required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name, text in list(values.items()):
            unknown = [one for one in VARIABLE.findall(str(text)) if one not in VARIABLES]
            if unknown:
                shown = ", ".join(f"{{{one}}}" for one in dict.fromkeys(unknown))
                self.add_error(name, gettext("Unknown variable: %(names)s") % {"names": shown})
        return values

    def words(self) -> Words:
        """Return the words as they were entered, unknown variables and all: a draft may be wrong."""
        given = {name: str(self.data.get(name, ""))[:6000] for name in self.fields}
        return Words(**given)
