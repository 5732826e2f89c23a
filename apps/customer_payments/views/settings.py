"""Settings > Customer Payments."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customer_payments import queries, services
from apps.customer_payments.forms import AccessForm, values_of
from apps.customer_payments.models import CustomerPaymentSettings
from apps.customer_payments.services import CountChanged, SettingsChanged
from apps.customer_payments.services.opened import Effect, effect_on_open
from apps.customer_payments.tasks import wake
from apps.web.htmx import wants_fragment

NOT_KEPT = ("csrfmiddlewaretoken", "do", "count")


@require_GET
@allow(Role.VIEWER)
def settings_page(request: MerchantRequest) -> HttpResponse:
    """Show the choices as they are stored, and how far a run of earlier ones has come."""
    if wants_fragment(request):
        run = queries.last_run(merchant=request.merchant, now=clock.now())
        return render(request, "customer_payments/_run.html", {"run": run})
    stored = services.settings_for(request.merchant)
    form = AccessForm(values_of(stored), offered=queries.offers(merchant=request.merchant))
    return _render(request, form, saved="saved" in request.GET)


@require_POST
@allow(Role.ADMIN)
def save(request: MerchantRequest) -> HttpResponse:
    """Store the choices; first a review where people who are past due now would be touched."""
    form = AccessForm(request.POST, offered=queries.offers(merchant=request.merchant))
    if not form.is_valid():
        return _render(request, form, status=422)
    action = request.POST.get("do", "save")
    if action == "back":
        return _render(request, form, changed=True)
    confirmed = None
    if action != "leave" and form.cleaned_data["people"] == "revoke":
        effect = _effect(request, form)
        confirmed = effect.customers_now
        is_confirmed = action == "revoke" and request.POST.get("count") == str(confirmed)
        if effect.case_ids and not is_confirmed:
            return _review(request, form, effect)
    try:
        services.save_settings(
            merchant=request.merchant,
            revoke_on_failure=form.cleaned_data["revoke_on_failure"],
            grant_on_success=form.cleaned_data["grant_on_success"],
            details=form.cleaned_data["details"],
            user=request.user,
            expected_version=form.cleaned_data["version"],
            confirmed_count=confirmed,
            now=clock.now(),
        )
    except SettingsChanged as conflict:
        data = request.POST.copy()
        data["version"] = str(conflict.version)
        again = AccessForm(data, offered=queries.offers(merchant=request.merchant))
        again.is_valid()
        return _render(request, again, conflict=conflict, status=422)
    except CountChanged:
        return _review(request, form, _effect(request, form))
    if confirmed is not None:
        wake()
    return redirect(f"{reverse('customer_payments:settings')}?saved")


def _effect(request: MerchantRequest, form: AccessForm) -> Effect:
    """Say whom the form's choices touch if they hold for open cases too."""
    wanted = CustomerPaymentSettings(merchant=request.merchant)
    services.take_over(wanted, form.cleaned_data["details"])
    wanted.revoke_on_failure = form.cleaned_data["revoke_on_failure"]
    return effect_on_open(merchant=request.merchant, rules=wanted.rules, now=clock.now())


def _review(request: MerchantRequest, form: AccessForm, effect: Effect) -> HttpResponse:
    kept = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in NOT_KEPT
        for value in values
    ]
    context = {"effect": effect, "kept": kept}
    return render(request, "customer_payments/review.html", context)


def _render(
    request: MerchantRequest,
    form: AccessForm,
    *,
    saved: bool = False,
    changed: bool = False,
    conflict: SettingsChanged | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "saved": saved,
        "conflict": conflict,
        "may_change": request.role.covers(Role.ADMIN),
        "changed": changed or status != 200,
        "past_due": queries.past_due(merchant=request.merchant),
        "run": queries.last_run(merchant=request.merchant, now=clock.now()),
    }
    return render(request, "customer_payments/settings.html", context, status=status)
