"""Retry now, stop, reopen: each confirmed in a dialog, or on a page of its own without script."""

import logging
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods
from kombu.exceptions import OperationalError

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery import services, tasks
from apps.recovery.models import RecoveryCase
from apps.recovery.services import NotNow
from apps.recovery.views.case import case_context, load_case
from apps.stripe_gateway.counting import calls_without_answer

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def retry_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Ask before charging, then charge once, at once."""
    if request.method == "GET":
        return confirm(request, case_id, "retry")

    def charge() -> str:
        refuse_while_silent()
        started = services.retry_now(
            merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now()
        )
        _wake_worker(attempt_id=started.attempt_id)
        return gettext("The charge is on its way. This page shows Stripe's answer by itself.")

    return act(request, case_id, charge)


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def stop_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Ask before stopping, then stop."""
    if request.method == "GET":
        return confirm(request, case_id, "stop")

    def stop() -> str:
        services.stop_case(
            merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now()
        )
        return gettext("Stopped. Nothing more is charged for this payment.")

    return act(request, case_id, stop)


@require_http_methods(["GET", "POST"])
@allow(Role.SUPPORT)
def reopen_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Ask before reopening, then plan the case again from a fresh read."""
    if request.method == "GET":
        return confirm(request, case_id, "reopen")

    def reopen() -> str:
        services.reopen(
            merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now()
        )
        return gettext("Open again.")

    return act(request, case_id, reopen)


def refuse_while_silent() -> None:
    """Refuse what needs Stripe's answer while it leaves calls unanswered.

    Raises:
        NotNow: it does.
    """
    if calls_without_answer(real_now=timezone.now()).exists():
        raise NotNow(
            gettext("Stripe is not answering. Nothing was charged; try again once it does.")
        )


def _wake_worker(*, attempt_id: int) -> None:
    """Hand a committed attempt to a worker; without a broker the settling job finds it."""
    try:
        tasks.carry_out.apply_async(kwargs={"attempt_id": attempt_id}, retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker is not reachable; attempt %s waits for the sweep.", attempt_id)


def confirm(request: MerchantRequest, case_id: int, verb: str) -> HttpResponse:
    """Ask on a page of its own what a dialog asks otherwise."""
    context: dict[str, Any] = case_context(
        detail=load_case(request.merchant, case_id), now=clock.now()
    )
    return render(request, "recovery/confirm.html", context | {"verb": verb})


def act(request: MerchantRequest, case_id: int, action: Callable[[], str]) -> HttpResponse:
    """Do something to a case and say what came of it; 404 where there is no such case."""
    try:
        messages.success(request, action())
    except RecoveryCase.DoesNotExist as error:
        raise Http404 from error
    except NotNow as why:
        messages.warning(request, str(why))
    return redirect("recovery:case", case_id=case_id)
