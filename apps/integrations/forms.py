"""Forms of tokens and endpoints. Save nothing."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.integrations.models import EventKind

KINDS = [(kind.value, kind.value) for kind in EventKind if kind != EventKind.TEST]


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Where it is used, for example “Course site”.")
    )


class EndpointForm(forms.Form):
    """Where events go and which; all boxes or none mean all events, those to come as well."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Begins with https:// and can be reached from the internet."),
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/recoup"}),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"),
        required=False,
        choices=KINDS,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen means all."),
    )

    def clean_url(self) -> str:
        """Take away spaces around what was pasted."""
        return str(self.cleaned_data["url"]).strip()

    def clean_events(self) -> list[str]:
        """All kinds are the same as none: new kinds are then sent too."""
        chosen = list(self.cleaned_data["events"])
        return [] if len(chosen) == len(KINDS) else chosen
