"""Alerts: what is or was wrong, the evidence, and the next step; and from when on to be told."""

import datetime as dt

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.analytics.models import Alert
from apps.analytics.services import alert_settings_for, save_alert_settings
from apps.overview.alert_links import next_step
from apps.overview.forms import AlertSettingsForm

MOST_CLEARED = 50
MOMENTS = ("last_event_at", "at")
"""Names of evidence that are kept as text in the alert."""


@require_GET
@allow(Role.VIEWER)
def alerts(request: MerchantRequest) -> HttpResponse:
    """List what is wrong now, and what was."""
    rows = Alert.objects.for_merchant(request.merchant)
    context = {
        "open": [(alert, next_step(alert)) for alert in rows.open().order_by("-is_critical", "id")],
        "cleared": rows.exclude(cleared_at=None).order_by("-cleared_at")[:MOST_CLEARED],
        "choices": alert_settings_for(request.merchant),
    }
    return render(request, "overview/alerts.html", context)


@require_GET
@allow(Role.VIEWER)
def alert(request: MerchantRequest, alert_id: int) -> HttpResponse:
    """Show one alert with its evidence."""
    row = get_object_or_404(Alert.objects.for_merchant(request.merchant), pk=alert_id)
    context = {
        "alert": row,
        "step": next_step(row),
        "evidence": [(_word(name), _value(name, value)) for name, value in row.evidence.items()],
    }
    return render(request, "overview/alert.html", context)


@require_http_methods(["GET", "POST"])
@allow(Role.VIEWER)
def alert_settings(request: MerchantRequest) -> HttpResponseBase:
    """Show what a merchant is told about; owners and admins change it."""
    may_change = request.role.covers(Role.ADMIN)
    form = AlertSettingsForm.of(alert_settings_for(request.merchant))
    if request.method == "POST":
        return _save(request)
    context = {"form": form, "may_change": may_change, "saved": "saved" in request.GET}
    return render(request, "overview/alert_settings.html", context)


@allow(Role.ADMIN)
def _save(request: MerchantRequest) -> HttpResponse:
    form = AlertSettingsForm(request.POST)
    if not form.is_valid():
        context = {"form": form, "may_change": True, "changed": True}
        return render(request, "overview/alert_settings.html", context, status=422)
    save_alert_settings(
        merchant=request.merchant,
        choices=form.cleaned_data,
        user=request.user,
        now=clock.now(),
    )
    return redirect(f"{reverse('overview:alert_settings')}?saved")


def _value(name: str, value: object) -> object:
    """Give moments as such; the rest is numbers."""
    is_moment = name in MOMENTS and isinstance(value, str)
    return dt.datetime.fromisoformat(str(value)) if is_moment else value


def _word(name: str) -> str:
    return {
        "ran": _("Retries that ran"),
        "paid": _("Of those paid"),
        "threshold": _("Your threshold, in per cent"),
        "week": _("Failures in the last 7 days"),
        "usual": _("As many are usual"),
        "last_event_at": _("Last event"),
        "late": _("Retries that are late"),
        "at": _("Refused since"),
        "bounced": _("Mails that came back"),
        "sent": _("Mails sent"),
        "ended": _("Subscriptions that ended"),
        "unpaid": _("Of those for non-payment"),
    }.get(name, name.replace("_", " ").capitalize())
