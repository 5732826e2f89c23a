"""Settings > API: tokens with which the merchant's own site asks who has access."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.integrations import services
from apps.integrations.forms import TokenForm
from apps.integrations.models import ApiToken


@require_GET
@allow(Role.VIEWER)
def token_list(request: MerchantRequest) -> HttpResponse:
    """List the tokens, and say how to ask."""
    return _show(request, TokenForm())


@require_POST
@allow(Role.ADMIN)
def create_token(request: MerchantRequest) -> HttpResponse:
    """Make a token; it is shown once, in this answer."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    token = services.create_token(
        merchant=request.merchant,
        name=form.cleaned_data["name"],
        user=request.user,
        now=clock.now(),
    )
    return _show(request, TokenForm(), token=token)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def revoke_token(request: MerchantRequest, token_id: int) -> HttpResponse:
    """Ask, then make a token useless."""
    if request.method == "GET":
        token = ApiToken.objects.for_merchant(request.merchant).filter(pk=token_id).first()
        if token is None:
            raise Http404
        return render(request, "integrations/confirm_token.html", {"token": token})
    try:
        services.revoke_token(
            merchant=request.merchant, token_id=token_id, user=request.user, now=clock.now()
        )
    except ApiToken.DoesNotExist as error:
        raise Http404 from error
    messages.success(request, gettext("Revoked. Whoever uses it is answered 401."))
    return redirect("api_tokens:list")


def _show(
    request: MerchantRequest, form: TokenForm, *, token: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "token": token,
        "tokens": ApiToken.objects.for_merchant(request.merchant),
        "address": request.build_absolute_uri(reverse("api:access")),
        "may_change": request.role.covers(Role.ADMIN),
    }
    return render(request, "integrations/tokens.html", context, status=status)
