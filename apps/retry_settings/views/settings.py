"""The rules for everybody who is in no segment, and the switch for every charge."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.accounts.services import set_charging
from apps.retry_settings import services
from apps.retry_settings.forms import RetryRulesForm, apply, draft_of
from apps.retry_settings.forms.notes import StripeNotesForm
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services import SettingsChanged
from apps.retry_settings.views.editor import editor_context, posted, sample_preview
from apps.web.htmx import wants_fragment


@require_GET
@allow(Role.VIEWER)
def settings_page(request: MerchantRequest) -> HttpResponse:
    """Show the settings as they are stored."""
    stored = services.stored_rules(request.merchant)
    form = RetryRulesForm(draft_of(stored.rules, version=stored.version))
    return _render(request, form, saved="saved" in request.GET)


@require_POST
@allow(Role.ADMIN)
def change(request: MerchantRequest) -> HttpResponse:
    """Save, or press one of the form's other buttons: they change the draft and store nothing."""
    draft = posted(request)
    action = request.POST.get("do", "save")
    if action != "save":
        return _render(request, RetryRulesForm(apply(action, draft)), changed=True)
    form = RetryRulesForm(draft, show_errors=True)
    if not form.is_valid():
        return _render(request, form, changed=True, status=422)
    try:
        services.save_rules(
            merchant=request.merchant,
            rules=form.cleaned_data["rules"],
            user=request.user,
            expected_version=form.cleaned_data["version"],
            now=clock.now(),
        )
    except SettingsChanged as conflict:
        again = RetryRulesForm(draft | {"version": str(conflict.version)})
        return _render(request, again, changed=True, conflict=conflict, status=422)
    return _saved(request)


@require_POST
@allow(Role.ADMIN)
def note_stripe(request: MerchantRequest) -> HttpResponse:
    """Keep what the merchant copied from Stripe's settings."""
    notes = StripeNotesForm(request.POST, prefix="stripe")
    if not notes.is_valid():
        stored = services.stored_rules(request.merchant)
        form = RetryRulesForm(draft_of(stored.rules, version=stored.version))
        return _render(request, form, notes=notes, status=422)
    services.save_stripe_notes(
        merchant=request.merchant,
        notes=notes.cleaned_data["notes"],
        user=request.user,
        now=clock.now(),
    )
    messages.success(request, gettext("Noted. Nothing is changed in Stripe."))
    return redirect("retry_settings:settings")


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def switch_charging(request: MerchantRequest, *, on: bool) -> HttpResponse:
    """Ask, then switch every charge of the merchant off or on."""
    if request.method == "GET":
        return render(request, "retry_settings/confirm_charging.html", {"on": on})
    if set_charging(merchant=request.merchant, on=on, user=request.user, now=clock.now()):
        text = gettext("Charging is on.") if on else gettext("Charging is off. Nobody is charged.")
        messages.success(request, text)
    return redirect("retry_settings:settings")


@require_POST
@allow(Role.VIEWER)
def preview(request: MerchantRequest) -> HttpResponse:
    """Show where the fields as they stand would lead; nothing is stored."""
    form = RetryRulesForm(posted(request))
    context = {"preview": sample_preview(request, form), "form": form}
    return render(request, "retry_settings/_preview.html", context)


def _saved(request: MerchantRequest) -> HttpResponse:
    if not wants_fragment(request):
        return redirect(f"{reverse('retry_settings:settings')}?saved")
    stored = services.stored_rules(request.merchant)
    form = RetryRulesForm(draft_of(stored.rules, version=stored.version))
    return _render(request, form, saved=True)


def _render(
    request: MerchantRequest,
    form: RetryRulesForm,
    *,
    changed: bool = False,
    saved: bool = False,
    conflict: SettingsChanged | None = None,
    notes: StripeNotesForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = editor_context(
        request,
        form,
        save_url=reverse("retry_settings:save"),
        page_url=reverse("retry_settings:settings"),
        changed=changed,
        conflict=conflict,
    ) | {
        "stored": services.stored_rules(request.merchant).rules,
        "charging_on": request.merchant.charging_on,
        "policies": RetryPolicy.objects.for_merchant(request.merchant).count(),
        "saved": saved,
        "notes": notes or StripeNotesForm.of(services.stripe_notes(request.merchant)),
    }
    name = "_form.html" if wants_fragment(request) else "page.html"
    return render(request, f"retry_settings/{name}", context, status=status)
