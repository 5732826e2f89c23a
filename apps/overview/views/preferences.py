"""Preferences: a merchant's time zone and numbers, a person's theme and keys."""

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.overview import services
from apps.overview.forms import PreferencesForm


@require_http_methods(["GET", "POST"])
@allow(Role.VIEWER)
def preferences(request: MerchantRequest) -> HttpResponseBase:
    """Show how pages look; owners and admins change what holds for everybody."""
    if request.method == "POST":
        return _save(request)
    merchant = request.merchant
    form = PreferencesForm(initial={"time_zone": merchant.time_zone, "locale": merchant.locale})
    return _page(request, form)


@allow(Role.ADMIN)
def _save(request: MerchantRequest) -> HttpResponse:
    """Save; another time zone is asked about first, since it moves figures."""
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    chosen = form.cleaned_data
    moves = chosen["time_zone"] != request.merchant.time_zone
    if moves and "confirmed" not in request.POST:
        return render(request, "overview/confirm_zone.html", {"form": form, "chosen": chosen})
    days = services.change_preferences(
        merchant=request.merchant,
        time_zone=chosen["time_zone"],
        locale=chosen["locale"],
        user=request.user,
        now=clock.now(),
    )
    text = gettext("Saved.")
    if days:
        counted = ngettext(
            "%(days)d day of figures is counted anew, which takes some minutes.",
            "%(days)d days of figures are counted anew, which takes some minutes.",
            days,
        )
        text = f"{text} {counted % {'days': days}}"
    messages.success(request, text)
    return redirect("overview:preferences")


def _page(request: MerchantRequest, form: PreferencesForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "changed": status != 200,
        "may_change": request.role.covers(Role.ADMIN),
    }
    return render(request, "overview/preferences.html", context, status=status)
