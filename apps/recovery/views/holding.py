"""Hold, let go on, mark uncollectible: each confirmed, as the other actions on a case are."""

from django.http import HttpResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery import services
from apps.recovery.forms import HoldForm
from apps.recovery.services import NotNow
from apps.recovery.views.actions import act, confirm
from apps.recovery.views.case import load_case


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def hold_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Ask for the reason, then hold the case."""
    if request.method == "GET":
        return confirm(request, case_id, "hold")

    def hold() -> str:
        load_case(request.merchant, case_id)
        form = HoldForm(request.POST)
        if not form.is_valid():
            raise NotNow(gettext("Say why, in up to 150 characters."))
        services.hold_case(
            merchant=request.merchant,
            case_id=case_id,
            user=request.user,
            note=form.cleaned_data["note"],
            now=clock.now(),
        )
        return gettext("On hold. Nothing is tried until you let it go on.")

    return act(request, case_id, hold)


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def release_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Ask, then let the case go on by its rules."""
    if request.method == "GET":
        return confirm(request, case_id, "release")

    def release() -> str:
        services.release_case(
            merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now()
        )
        return gettext("This case goes on by its rules.")

    return act(request, case_id, release)


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def write_off_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Say what it means and what speaks against it, then mark the invoice uncollectible."""
    if request.method == "GET":
        return confirm(request, case_id, "write_off")

    def write_off() -> str:
        services.mark_uncollectible(
            merchant=request.merchant,
            case_id=case_id,
            user=request.user,
            despite_warnings=bool(request.POST.get("despite_warnings")),
            now=clock.now(),
        )
        return gettext("Stripe is told within a minute; the case then ends as lost.")

    return act(request, case_id, write_off)
