"""Settings > Webhooks: endpoints, and what was delivered to them."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.integrations import queries, services, tasks
from apps.integrations.addresses import Forbidden
from apps.integrations.forms import KINDS, EndpointForm
from apps.integrations.models import Delivery, WebhookEndpoint
from apps.integrations.services import NotNow
from apps.web.lists import page_of

TERMS = ("-created_at", "-id")


@require_GET
@allow(Role.VIEWER)
def endpoint_list(request: MerchantRequest) -> HttpResponse:
    """List the endpoints, and say what receivers get."""
    return _list(request, EndpointForm())


@require_POST
@allow(Role.ADMIN)
def add(request: MerchantRequest) -> HttpResponse:
    """Add an endpoint; its secret is shown once, in this answer."""
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            _, secret = services.add_endpoint(
                merchant=request.merchant,
                url=form.cleaned_data["url"],
                events=form.cleaned_data["events"],
                user=request.user,
                now=clock.now(),
            )
        except (Forbidden, NotNow) as why:
            form.add_error("url", str(why))
        else:
            return _list(request, EndpointForm(), secret=secret)
    return _list(request, form, status=422)


@require_GET
@allow(Role.VIEWER)
def endpoint_page(request: MerchantRequest, endpoint_id: int) -> HttpResponse:
    """Show one endpoint with what was delivered to it."""
    endpoint = _endpoint(request, endpoint_id)
    return _show(request, endpoint, form=_form(endpoint))


@require_POST
@allow(Role.ADMIN)
def change(request: MerchantRequest, endpoint_id: int) -> HttpResponse:
    """Change an endpoint's address and events."""
    endpoint = _endpoint(request, endpoint_id)
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            services.change_endpoint(
                merchant=request.merchant,
                endpoint_id=endpoint_id,
                url=form.cleaned_data["url"],
                events=form.cleaned_data["events"],
                user=request.user,
                now=clock.now(),
            )
        except Forbidden as why:
            form.add_error("url", str(why))
        else:
            messages.success(request, gettext("Saved."))
            return redirect("outgoing:endpoint", endpoint_id=endpoint_id)
    return _show(request, endpoint, form=form, status=422)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def rotate(request: MerchantRequest, endpoint_id: int) -> HttpResponse:
    """Ask, then give an endpoint a new secret, shown once, in this answer."""
    endpoint = _endpoint(request, endpoint_id)
    if request.method == "GET":
        return _confirm(request, endpoint, "rotate")
    secret = services.rotate_secret(
        merchant=request.merchant, endpoint_id=endpoint_id, user=request.user, now=clock.now()
    )
    endpoint.refresh_from_db()
    return _show(request, endpoint, form=_form(endpoint), secret=secret)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def disable(request: MerchantRequest, endpoint_id: int) -> HttpResponse:
    """Ask, then send nothing more to an endpoint."""
    endpoint = _endpoint(request, endpoint_id)
    if request.method == "GET":
        return _confirm(request, endpoint, "disable")
    return _act(request, endpoint_id, services.disable, gettext("Disabled. Nothing is sent there."))


@require_POST
@allow(Role.ADMIN)
def enable(request: MerchantRequest, endpoint_id: int) -> HttpResponse:
    """Send to an endpoint again."""
    _endpoint(request, endpoint_id)
    return _act(request, endpoint_id, services.enable, gettext("Enabled, from now on."))


@require_POST
@allow(Role.ADMIN)
def test(request: MerchantRequest, endpoint_id: int) -> HttpResponse:
    """Send a test event; its delivery shows the answer."""
    _endpoint(request, endpoint_id)
    done = gettext("A test event is on its way; its line below shows the answer.")
    answer = _act(request, endpoint_id, services.send_test, done)
    tasks.wake()
    return answer


@require_GET
@allow(Role.VIEWER)
def delivery_page(request: MerchantRequest, delivery_id: int) -> HttpResponse:
    """Show what was sent and what was answered, try by try."""
    delivery = (
        Delivery.objects.for_merchant(request.merchant)
        .filter(pk=delivery_id)
        .select_related("event", "endpoint")
        .first()
    )
    if delivery is None:
        raise Http404
    body = json.dumps(delivery.event.payload, indent=2, sort_keys=True)
    log = [dict(line) for line in reversed(delivery.log)]
    may_change = request.role.covers(Role.ADMIN)
    context = {"delivery": delivery, "body": body, "log": log, "may_change": may_change}
    return render(request, "integrations/delivery.html", context)


@require_POST
@allow(Role.ADMIN)
def replay(request: MerchantRequest, delivery_id: int) -> HttpResponse:
    """Send a delivery again, with the same id."""
    try:
        services.replay(
            merchant=request.merchant, delivery_id=delivery_id, user=request.user, now=clock.now()
        )
    except Delivery.DoesNotExist as error:
        raise Http404 from error
    except NotNow as why:
        messages.warning(request, str(why))
    else:
        tasks.wake()
        messages.success(request, gettext("On its way again, with the same id."))
    return redirect("outgoing:delivery", delivery_id=delivery_id)


def _endpoint(request: MerchantRequest, endpoint_id: int) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.for_merchant(request.merchant)
    endpoint = rows.filter(pk=endpoint_id).first()
    if endpoint is None:
        raise Http404
    return endpoint


def _list(
    request: MerchantRequest, form: EndpointForm, *, secret: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "secret": secret,
        "endpoints": queries.endpoints(merchant=request.merchant),
        "kinds": len(KINDS),
        "may_change": request.role.covers(Role.ADMIN),
    }
    return render(request, "integrations/endpoints.html", context, status=status)


def _form(endpoint: WebhookEndpoint) -> EndpointForm:
    return EndpointForm(initial={"url": endpoint.url, "events": endpoint.events})


def _show(
    request: MerchantRequest,
    endpoint: WebhookEndpoint,
    *,
    form: EndpointForm,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    chosen = request.GET.get("status", "")
    rows = queries.deliveries(merchant=request.merchant, endpoint_id=endpoint.pk, status=chosen)
    context: dict[str, Any] = {
        "endpoint": endpoint,
        "form": form,
        "secret": secret,
        "page": page_of(rows, terms=TERMS, cursor=request.GET.get("cursor", "")),
        "chosen": chosen,
        "statuses": Delivery.Status.choices,
        "may_change": request.role.covers(Role.ADMIN),
    }
    return render(request, "integrations/endpoint.html", context, status=status)


def _confirm(request: MerchantRequest, endpoint: WebhookEndpoint, verb: str) -> HttpResponse:
    context = {"endpoint": endpoint, "verb": verb}
    return render(request, "integrations/confirm_endpoint.html", context)


def _act(
    request: MerchantRequest, endpoint_id: int, action: Callable[..., object], done: str
) -> HttpResponse:
    try:
        action(
            merchant=request.merchant, endpoint_id=endpoint_id, user=request.user, now=clock.now()
        )
    except NotNow as why:
        messages.warning(request, str(why))
    else:
        messages.success(request, done)
    return redirect("outgoing:endpoint", endpoint_id=endpoint_id)
