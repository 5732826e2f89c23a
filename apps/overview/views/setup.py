"""Set up: from a new merchant to events, history and settings; then what makes it work well."""

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.accounts.services import AccountConflict, attach_account
from apps.dunning.setup import TO_SAY
from apps.overview import services
from apps.overview.forms import ImportForm
from apps.overview.setup import IMPORT, Setup, points_of, setup_of
from apps.overview.setup_links import link_of
from apps.stripe_gateway import platform
from apps.stripe_gateway.connection import key_is_live
from apps.stripe_gateway.errors import GatewayError
from apps.web.htmx import wants_fragment
from apps.webhooks.queries import import_progress
from apps.webhooks.services.importing import start_import

STATE_SALT = "recoup.connect"
STATE_SECONDS = 60 * 60
DAYS_OF_A_MONTH = 30.44


@require_GET
@allow(Role.VIEWER)
def setup(request: MerchantRequest) -> HttpResponse:
    """Show the four steps, each with its state; Home once all are done."""
    found = setup_of(request.merchant, progress=import_progress(request.merchant))
    if wants_fragment(request):
        return render(request, "overview/_import.html", {"setup": found, "form": ImportForm()})
    if found.is_done:
        return redirect("overview:home")
    return render(request, "overview/setup.html", steps_context(request, found))


def steps_context(request: MerchantRequest, found: Setup) -> dict[str, object]:
    """Give what the four steps show, here and on Home."""
    return {
        "setup": found,
        "form": ImportForm(),
        "may_change": request.role.covers(Role.ADMIN),
        "connect_url": _connect_url(request),
        "command": f"manage.py connect_stripe --merchant {request.merchant.pk}"
        f" --account acct_... --url {settings.PUBLIC_URL}",
    }


@require_GET
@allow(Role.VIEWER)
def setup_checklist(request: MerchantRequest) -> HttpResponse:
    """Show what makes recovery work well, each point with its state, why, and where."""
    points = points_of(request.merchant, now=clock.now())
    context = {
        "points": [(point, link_of(point.key, request.merchant)) for point in points],
        "open": sum(point.state != "ok" for point in points),
        "may_change": request.role.covers(Role.ADMIN),
    }
    return render(request, "overview/checklist.html", context)


@require_POST
@allow(Role.ADMIN)
def say(request: MerchantRequest) -> HttpResponse:
    """Note that somebody looked at a point, or did not."""
    key, looked = request.POST.get("key", ""), request.POST.get("looked", "")
    if key not in (*TO_SAY, IMPORT) or looked not in ("0", "1"):
        raise BadRequest("key and looked are needed")
    services.say_looked_at(
        merchant=request.merchant,
        key=key,
        looked=looked == "1",
        user=request.user,
        now=clock.now(),
    )
    return redirect("overview:setup" if key == IMPORT else "overview:setup_checklist")


@require_POST
@allow(Role.ADMIN)
def begin_import(request: MerchantRequest) -> HttpResponse:
    """Begin to bring history in; beat goes on with it within a minute."""
    form = ImportForm(request.POST)
    if not form.is_valid() or not request.merchant.stripe_account_id:
        raise BadRequest("months must be a choice, and Stripe connected")
    now, months = clock.now(), form.cleaned_data["months"]
    since = now - months * DAYS_OF_A_MONTH * services.DAY if months else None
    start_import(merchant=request.merchant, now=now, since=since)
    messages.success(request, _("The import has begun. You may leave this page."))
    return redirect(f"{reverse('overview:setup')}#import")


@require_GET
@allow(Role.ADMIN)
def connected(request: MerchantRequest) -> HttpResponse:
    """Take a merchant back from Stripe's page of consent, and keep whose account it is.

    Stripe sends them here by a link, so this changes something on GET: the state, which only
    this person got and only for this merchant, stands for the form's token.
    """
    if request.GET.get("error"):
        messages.error(request, _("Stripe was not connected: nobody agreed there."))
        return redirect("overview:setup")
    try:
        state = signing.loads(request.GET.get("state", ""), salt=STATE_SALT, max_age=STATE_SECONDS)
    except signing.BadSignature as error:
        raise BadRequest("the way back from Stripe is too old, or not ours") from error
    if state != [request.merchant.pk, request.user.pk]:
        raise BadRequest("somebody else set out")
    try:
        attach_account(
            merchant=request.merchant,
            stripe_account_id=platform.redeem(code=request.GET.get("code", "")),
            livemode=key_is_live(),
            is_connected=True,
            user=request.user,
            now=clock.now(),
        )
    except (AccountConflict, GatewayError) as error:
        text = _("Stripe was not connected: %(why)s Try again.")
        messages.error(request, text % {"why": str(error).rstrip(".") + "."})
    else:
        messages.success(request, _("Stripe is connected."))
    return redirect("overview:setup")


def _connect_url(request: MerchantRequest) -> str:
    if not request.role.covers(Role.ADMIN):
        return ""
    state = signing.dumps([request.merchant.pk, request.user.pk], salt=STATE_SALT)
    back = f"{settings.PUBLIC_URL}{reverse('overview:connected')}"
    return platform.authorize_url(state=state, back=back)
