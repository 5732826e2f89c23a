"""Switching between merchants and themes."""

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from apps.accounts.current import MERCHANT_IN_SESSION
from apps.accounts.forms import SwitchForm, ThemeForm
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow

THEME_COOKIE_SECONDS = 60 * 60 * 24 * 365


@require_POST
@allow(Role.VIEWER)
def switch_merchant(request: MerchantRequest) -> HttpResponse:
    """Look at another of this person's merchants from now on."""
    form = SwitchForm(request.POST)
    if not form.is_valid():
        raise BadRequest("merchant must be a number")
    wanted = form.cleaned_data["merchant"]
    if wanted not in {membership.merchant_id for membership in request.memberships}:
        raise Http404("no such merchant for this person")
    request.session[MERCHANT_IN_SESSION] = wanted
    return redirect("/")


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or the system's choice in a cookie; needs no sign-in."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        raise BadRequest("theme must be system, light or dark")
    response = redirect(safe_next(request))
    theme = form.cleaned_data["theme"]
    if theme == "system":
        response.delete_cookie("theme")
    else:
        response.set_cookie(
            "theme",
            theme,
            max_age=THEME_COOKIE_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


def safe_next(request: HttpRequest) -> str:
    """Return where a form asked to go on to; Home where that is no page of ours."""
    wanted = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else "/"
