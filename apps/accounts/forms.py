"""What people choose about themselves."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ThemeForm(forms.Form):
    theme = forms.ChoiceField(
        choices=[("system", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))]
    )


class SwitchForm(forms.Form):
    merchant = forms.IntegerField()
