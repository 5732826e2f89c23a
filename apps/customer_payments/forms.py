"""Settings > Customer Payments: the two switches. Saves nothing."""

from django import forms
from django.utils.translation import gettext_lazy as _


class AccessForm(forms.Form):
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    revoke_on_failure = forms.BooleanField(
        required=False,
        label=_("Revoke access after the first failed payment"),
        help_text=_(
            "For subscriptions and payment plans. The customer keeps their progress, and billing"
            " goes on. A payment that waits for 3-D Secure or for a bank is not a failure."
        ),
    )
    grant_on_success = forms.BooleanField(
        required=False,
        label=_("Grant access again when the payment succeeds"),
        help_text=_(
            "Gives back only what was taken automatically; access that a person revoked stays"
            " revoked. Neither change triggers your grant automations or welcome emails."
        ),
    )
