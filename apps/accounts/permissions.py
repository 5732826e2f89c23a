"""Who may see and do what: the one check, on every view of the dashboard."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from apps import logs
from apps.accounts.current import current_membership
from apps.accounts.models import Membership, Merchant, Role, User

P = ParamSpec("P")


class MerchantRequest(HttpRequest):
    """A request that passed `allow`: somebody with a role at a merchant. Only a type."""

    user: User
    merchant: Merchant
    role: Role
    membership: Membership
    memberships: list[Membership]
    htmx: HtmxDetails


MerchantView = Callable[Concatenate[MerchantRequest, P], HttpResponseBase]
PlainView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def allow(needed: Role) -> Callable[[MerchantView[P]], PlainView[P]]:
    """Let in those whose role at the current merchant covers `needed`.

    Nobody signed in: to the sign-in page and back. Signed in without a merchant: a page that says
    so (403). A weaker role: PermissionDenied. The view gets `request.merchant` and `request.role`
    as real objects; its answer is never stored by browsers or proxies.
    """

    def decorate(view: MerchantView[P]) -> PlainView[P]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            membership = current_membership(request)
            if membership is None:
                return render(request, "errors/no_merchant.html", status=403)
            allowed = cast(MerchantRequest, request)
            allowed.merchant = membership.merchant
            allowed.role = Role(membership.role)
            allowed.membership = membership
            logs.note(merchant_id=membership.merchant_id)
            if not allowed.role.covers(needed):
                raise PermissionDenied(f"{allowed.role} is not {needed}")
            response = view(allowed, *args, **kwargs)
            patch_vary_headers(response, ("HX-Request", "Cookie"))
            patch_cache_control(response, no_store=True, private=True)
            return response

        return cast(PlainView[P], checked)

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    htmx = cast(MerchantRequest, request).htmx
    if not htmx:
        is_page = request.method in ("GET", "HEAD")
        return redirect_to_login(request.get_full_path() if is_page else "/")
    back = redirect_to_login(htmx.current_url_abs_path or "/")
    return HttpResponseClientRedirect(back.headers.get("Location", reverse("account_login")))
