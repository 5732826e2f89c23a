"""Settings > Branding: how mails and the payment page look."""

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning_emails.colours import style_sheet
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
def picture(request: HttpRequest, digest: str) -> HttpResponse:
    """Serve a logo or an icon by its hash: public, as mails are, and the same for ever."""
    row = EmailSettings.objects.filter(Q(logo_hash=digest) | Q(icon_hash=digest)).first()
    shown = row and (row.logo if row.logo_hash == digest else row.icon)
    if not shown:
        raise Http404("no such picture")
    return _for_ever(HttpResponse(bytes(shown), content_type="image/png"))


@require_safe
def colours(request: HttpRequest, colour: str) -> HttpResponse:
    """Serve the rules that give the customer's pages a brand's colour; they depend on nothing else."""
    return _for_ever(HttpResponse(style_sheet(f"#{colour}"), content_type="text/css"))


def _for_ever(response: HttpResponse) -> HttpResponse:
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
