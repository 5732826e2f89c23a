"""Settings > Stripe: whose account, what the key may do, whether events arrive; and the way out."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.accounts.services import set_attached
from apps.overview import services
from apps.overview.connection import permissions_of, webhook_health
from apps.stripe_gateway import platform
from apps.stripe_gateway.connection import key_is_restricted
from apps.stripe_gateway.errors import AccessDenied, GatewayError
from apps.web.htmx import wants_fragment
from apps.webhooks.queries import import_progress


@require_GET
@allow(Role.VIEWER)
def stripe(request: MerchantRequest) -> HttpResponse:
    """Show the connection to Stripe and how its events arrive. No key is ever shown."""
    merchant = request.merchant
    context = {
        "health": webhook_health(merchant=merchant, now=clock.now()),
        "progress": import_progress(merchant),
        "may_change": request.role.covers(Role.ADMIN),
        "may_disconnect": _may_disconnect(request),
        "is_restricted": key_is_restricted(),
        "address": f"{settings.PUBLIC_URL}/webhooks/stripe/",
    }
    return render(request, "overview/stripe.html", context)


@require_GET
@allow(Role.ADMIN)
def stripe_permissions(request: MerchantRequest) -> HttpResponse:
    """Ask Stripe what the key may do; fifteen calls, so only when somebody asks."""
    context = {"permissions": permissions_of(request.merchant)}
    name = "_permissions.html" if wants_fragment(request) else "permissions.html"
    return render(request, f"overview/{name}", context)


@require_POST
@allow(Role.ADMIN)
def replay(request: MerchantRequest) -> HttpResponse:
    """Take in again what failed."""
    events, objects = services.replay_failed(
        merchant=request.merchant, user=request.user, now=clock.now()
    )
    if events or objects:
        text = _("%(events)d events and %(objects)d objects are read again within a minute.")
        messages.success(request, text % {"events": events, "objects": objects})
    else:
        messages.success(request, _("Nothing has failed: there is nothing to replay."))
    return redirect("overview:stripe")


@require_http_methods(["GET", "POST"])
@allow(Role.OWNER)
def disconnect(request: MerchantRequest) -> HttpResponseBase:
    """Ask, then give the access to a connected account back to Stripe."""
    may = _may_disconnect(request)
    if request.method == "GET":
        return render(request, "overview/disconnect.html", {"may_disconnect": may})
    if not may:
        raise BadRequest("there is nothing to disconnect")
    try:
        platform.disconnect(account_id=request.merchant.stripe_account_id)
    except AccessDenied:
        pass  # it was taken back already
    except GatewayError:
        messages.error(request, _("Stripe gave no answer. Nothing was changed: try again."))
        return redirect("overview:stripe")
    set_attached(merchant=request.merchant, attached=False, now=clock.now(), user=request.user)
    messages.success(request, _("Disconnected. Nothing is read and nothing is charged any more."))
    return redirect("overview:stripe")


def _may_disconnect(request: MerchantRequest) -> bool:
    merchant = request.merchant
    return (
        merchant.is_connected
        and merchant.detached_at is None
        and bool(settings.STRIPE_CONNECT_CLIENT_ID)
        and request.role.covers(Role.OWNER)
    )
