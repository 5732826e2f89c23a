"""Every component in every state, for those who build pages; only where DEBUG is on."""

import datetime as dt

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.web.badges import BADGES
from apps.web.views.samples import sample_charts, sample_payday, sample_steps, sample_weeks

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TONES = ("ok", "bad", "wait", "info", "mute")


class SampleForm(forms.Form):
    """Fields as settings use them; bound empty it shows their errors."""

    name = forms.CharField(label="Name", help_text="As customers see it.")
    days = forms.IntegerField(label="Days", min_value=1, max_value=30)
    first_day = forms.DateField(label="First day", widget=forms.DateInput({"type": "date"}))
    is_on = forms.BooleanField(label="Switched on", help_text="Takes effect at once.")


@require_GET
@allow(Role.VIEWER)
def styleguide(request: MerchantRequest) -> HttpResponse:
    """Show components beside each other, with the words and tones that pages use."""
    now = clock.now()
    context = {
        "badges": [(kind, list(looks)) for kind, looks in BADGES.items()],
        "tones": TONES,
        "form": SampleForm(),
        "wrong": SampleForm({}),
        "charts": sample_charts(),
        "weeks": sample_weeks(now.astimezone(request.merchant.zone).date()),
        "weekdays": WEEKDAYS,
        "steps": {
            "rows": sample_steps("step"),
            "payday": sample_payday("step"),
            "can_add_row": True,
            "shows_errors": True,
        },
        "read_only": {"rows": sample_steps("read"), "payday": sample_payday("read")},
        "picks": ("Picked", "Not picked", "Not picked either"),
        "list_form": {"query": ""},
        "moments": {
            "soon": now + dt.timedelta(days=3, hours=2),
            "late": now - dt.timedelta(minutes=5),
            "past": now - dt.timedelta(days=2),
            "old": now - dt.timedelta(days=500),
        },
        "amounts": [(14900, "usd"), (9800, "jpy"), (12500, "kwd"), (120000, "eur"), (-500, "usd")],
    }
    return render(request, "web/styleguide.html", context)
