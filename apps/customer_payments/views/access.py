"""Who loses access, and the access of one customer: hold, revoke, give back."""

import datetime as dt
from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customer_payments import queries, services
from apps.customer_payments.services import NotNow
from apps.customer_payments.tasks import wake
from apps.recovery.models import RecoveryCase
from apps.subscriptions.models import Subscription
from apps.web.spans import Locality


@require_GET
@allow(Role.VIEWER)
def losing_access(request: MerchantRequest) -> HttpResponse:
    """List who loses access today or tomorrow unless they pay or somebody holds it."""
    merchant = request.merchant
    local = Locality(merchant.zone, merchant.locale, clock.now())
    until = local.start_of(local.today + dt.timedelta(days=2))
    rows = queries.losing(merchant=merchant, until=until)
    tomorrow = local.start_of(local.today + dt.timedelta(days=1))
    context = {
        "rows": rows,
        "tomorrow": sum(row.step.due_at >= tomorrow and not row.step.is_held for row in rows),
        "most": queries.MOST_LOSING,
    }
    return render(request, "customer_payments/losing_access.html", context)


@require_GET
@allow(Role.VIEWER)
def access_page(request: MerchantRequest, subscription_id: int) -> HttpResponse:
    """Show what a subscription's customer may use, why, and what is planned."""
    row = _row(request, subscription_id)
    detail = queries.access_detail(merchant=request.merchant, row=row, case=None)
    return render(request, "customer_payments/access.html", {"detail": detail})


@require_GET
@allow(Role.VIEWER)
def access_of_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Show the access a case is about."""
    case = get_object_or_404(RecoveryCase.objects.for_merchant(request.merchant), pk=case_id)
    detail = queries.access_detail(merchant=request.merchant, row=None, case=case)
    return render(request, "customer_payments/access.html", {"detail": detail})


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def revoke(request: MerchantRequest, subscription_id: int) -> HttpResponse:
    """Ask, then take access until a person gives it back."""
    row = _row(request, subscription_id)
    if request.method == "GET":
        return _confirm(request, row, "revoke")

    def act() -> str:
        services.revoke(
            merchant=request.merchant,
            subscription_id=row.stripe_subscription_id,
            user=request.user,
            now=clock.now(),
        )
        return gettext("Access revoked. It stays so until a person gives it back.")

    return _act(request, act, back=row.pk)


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def grant(request: MerchantRequest, subscription_id: int) -> HttpResponse:
    """Ask, then give access back, whoever took it."""
    row = _row(request, subscription_id)
    if request.method == "GET":
        return _confirm(request, row, "grant")

    def act() -> str:
        services.grant(
            merchant=request.merchant,
            subscription_id=row.stripe_subscription_id,
            user=request.user,
            now=clock.now(),
        )
        return gettext("Access given back.")

    return _act(request, act, back=row.pk)


@require_POST
@allow(Role.SUPPORT)
def hold(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Keep a case's planned steps from happening."""
    _switch(request, case_id, services.hold, gettext("Held: access stays as it is."))
    return _back(request, case_id)


@require_POST
@allow(Role.SUPPORT)
def release(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Let a case's held steps go on; what is due happens within a minute."""
    _switch(request, case_id, services.release, gettext("Not held any more."))
    wake()
    return _back(request, case_id)


def _row(request: MerchantRequest, subscription_id: int) -> Subscription:
    rows = Subscription.objects.for_merchant(request.merchant)
    return get_object_or_404(rows, pk=subscription_id)


def _confirm(request: MerchantRequest, row: Subscription, verb: str) -> HttpResponse:
    detail = queries.access_detail(merchant=request.merchant, row=row, case=None)
    context = {"detail": detail, "row": row, "verb": verb}
    return render(request, "customer_payments/confirm.html", context)


def _act(request: MerchantRequest, action: Callable[[], str], *, back: int) -> HttpResponse:
    try:
        messages.success(request, action())
    except NotNow as why:
        messages.warning(request, str(why))
    return redirect("access:detail", subscription_id=back)


def _switch(request: MerchantRequest, case_id: int, action: Callable[..., None], done: str) -> None:
    try:
        action(merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now())
    except RecoveryCase.DoesNotExist as error:
        raise Http404 from error
    except NotNow as why:
        messages.warning(request, str(why))
    else:
        messages.success(request, done)


def _back(request: MerchantRequest, case_id: int) -> HttpResponse:
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return redirect(wanted)
    return redirect("access:case", case_id=case_id)
