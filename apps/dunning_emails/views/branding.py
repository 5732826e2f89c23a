"""Settings > Branding: how mails and the payment page look."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.forms import BrandingForm
from apps.dunning_emails.models import EmailSettings
from apps.dunning_emails.services import settings as services
from apps.dunning_emails.services.settings import SettingsChanged

YEAR_SECONDS = 60 * 60 * 24 * 365


@require_GET
@allow(Role.VIEWER)
def branding(request: MerchantRequest) -> HttpResponse:
    """Show the branding as it is stored."""
    stored = settings_of(request.merchant)
    form = BrandingForm(
        initial={
            "version": stored.version,
            "sender_name": stored.sender_name,
            "reply_to": stored.reply_to,
            "postal_address": stored.postal_address,
            "colour": stored.colour,
        }
    )
    return _page(request, form, stored)


@require_POST
@allow(Role.ADMIN)
def save(request: MerchantRequest) -> HttpResponse:
    """Keep the branding; it holds for every mail that goes out from now on."""
    form = BrandingForm(request.POST, request.FILES)
    stored = settings_of(request.merchant)
    if not form.is_valid():
        return _page(request, form, stored, status=422)
    try:
        services.save_settings(
            merchant=request.merchant,
            changes=form.changes(),
            expected_version=form.cleaned_data["version"],
            user=request.user,
            now=clock.now(),
        )
    except SettingsChanged as conflict:
        again = BrandingForm(request.POST.dict() | {"version": conflict.version})
        return _page(request, again, stored, conflict=conflict, status=422)
    messages.success(request, gettext("Saved. It holds for every email from now on."))
    return redirect("branding:settings")


@require_safe
def logo(request: HttpRequest, digest: str) -> HttpResponse:
    """Serve a logo by its hash: public, as mails are, and the same for ever."""
    row = EmailSettings.objects.filter(logo_hash=digest).exclude(logo=None).first()
    if row is None or row.logo is None:
        raise Http404("no such picture")
    response = HttpResponse(bytes(row.logo), content_type="image/png")
    response["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


def _page(
    request: MerchantRequest,
    form: BrandingForm,
    stored: EmailSettings,
    *,
    conflict: SettingsChanged | None = None,
    status: int = 200,
) -> HttpResponse:
    if not request.role.covers(Role.ADMIN):
        for field in form.fields.values():
            field.disabled = True
    context = {"form": form, "stored": stored, "conflict": conflict, "changed": status != 200}
    return render(request, "dunning_emails/branding.html", context, status=status)
