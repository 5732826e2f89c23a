"""The bar with the demo's clock, and its buttons."""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.web.htmx import wants_fragment
from apps.webhooks.queries import import_progress
from sandbox.console.machine import TimeMachine

STEPS = {1: "+1 hour", 24: "+1 day", 168: "+1 week"}
"""Hours the buttons move the clock by."""


def time_machine() -> TimeMachine:
    """Give the machine beside the file that tells the time."""
    file: Path | None = settings.CLOCK_OFFSET_FILE
    if file is None:
        raise LookupError("no sandbox moves the clock here")
    return TimeMachine(file.parent)


def bar_context(request: HttpRequest) -> dict[str, object]:
    """Collect what the bar shows."""
    journey = time_machine().last()
    merchant: Merchant | None = getattr(request, "merchant", None)
    return {
        "history": import_progress(merchant) if merchant else None,
        "virtual_now": clock.now(),
        "journey": journey,
        "is_running": journey is not None and not journey.is_over,
        "steps": STEPS,
        "has_moved": journey.hours if journey else 0,
        "step_name": STEPS.get(journey.hours, "") if journey else "",
    }


@require_GET
@never_cache
def bar(request: HttpRequest) -> HttpResponse:
    """Show the bar again; the page around it is loaded anew once the journey watched is over."""
    context = bar_context(request)
    response = render(request, "console/bar.html", context)
    if request.GET.get("watching") and not context["is_running"]:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@allow(Role.SUPPORT)
def move(request: MerchantRequest) -> HttpResponse:
    """Move the clock by one of the steps; a click during a journey only shows it."""
    hours = request.POST.get("hours", "")
    if not hours.isdecimal() or int(hours) not in STEPS:
        return HttpResponseBadRequest("One hour, one day or one week.")
    time_machine().depart(int(hours))
    if wants_fragment(request):
        return render(request, "console/bar.html", bar_context(request))
    # Back to the page the bar stood on; a foreign address is not followed.
    return redirect(urlsplit(request.headers.get("Referer", "")).path or "/")
