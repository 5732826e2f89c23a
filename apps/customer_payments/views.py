"""Settings > Customer Payments."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customer_payments import queries, services
from apps.customer_payments.forms import AccessForm
from apps.customer_payments.models import CustomerPaymentSettings
from apps.customer_payments.services import SettingsChanged


@require_GET
@allow(Role.VIEWER)
def settings_page(request: MerchantRequest) -> HttpResponse:
    """Show the switches as they are stored."""
    stored = services.settings_for(request.merchant)
    form = AccessForm(initial=_values(stored))
    return _render(request, form, saved="saved" in request.GET)


@require_POST
@allow(Role.ADMIN)
def save(request: MerchantRequest) -> HttpResponse:
    """Store the switches for failures and payments from now on."""
    form = AccessForm(request.POST)
    if not form.is_valid():
        return _render(request, form, status=422)
    values = form.cleaned_data
    try:
        services.save_settings(
            merchant=request.merchant,
            revoke_on_failure=values["revoke_on_failure"],
            grant_on_success=values["grant_on_success"],
            user=request.user,
            expected_version=values["version"],
            now=clock.now(),
        )
    except SettingsChanged as conflict:
        again = AccessForm(request.POST.dict() | {"version": conflict.version})
        return _render(request, again, conflict=conflict, status=422)
    return redirect(f"{reverse('customer_payments:settings')}?saved")


def _values(stored: CustomerPaymentSettings) -> dict[str, Any]:
    return {
        "version": stored.version,
        "revoke_on_failure": stored.revoke_on_failure,
        "grant_on_success": stored.grant_on_success,
    }


def _render(
    request: MerchantRequest,
    form: AccessForm,
    *,
    saved: bool = False,
    conflict: SettingsChanged | None = None,
    status: int = 200,
) -> HttpResponse:
    may_change = request.role.covers(Role.ADMIN)
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    context = {
        "form": form,
        "saved": saved,
        "conflict": conflict,
        "may_change": may_change,
        "changed": status != 200,
        "past_due": queries.past_due(merchant=request.merchant),
    }
    return render(request, "customer_payments/settings.html", context, status=status)
