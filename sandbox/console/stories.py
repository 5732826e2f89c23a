"""Story buttons: what may be made to happen to a customer, and to Stripe."""

import datetime as dt
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery.models import RecoveryCase
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from sandbox.console import door
from sandbox.console.door import Player, SandboxAway, StoryRefused

logger = logging.getLogger(__name__)

STORIES = {
    "expire": ("Card expires", "The card of {name} has expired: its next charge will fail."),
    "refuse": ("Card refuses", "The bank of {name} refuses: lack of funds from now on."),
    "needs_3ds": ("Needs 3DS", "The bank of {name} asks for 3D Secure at the next charge."),
    "confirm": ("Confirms 3DS", "{name} confirmed the payment with their bank."),
    "bank_update": ("Bank updates card", "The bank of {name} sent a new card number and date."),
    "new_card": ("Enters another card", "{name} put another card on file, a good one."),
    "undo": ("Undo", "The card of {name} is as it was before."),
}
"""Story -> (button, what is said once it was played)."""

OUTAGE = dt.timedelta(days=1)
TROUBLES: dict[str, tuple[Callable[[], None], str]] = {
    "time_out": (
        door.lose_next_answer,
        "The answer to the next charge gets lost: Recoup must find out what came of it.",
    ),
    "down": (
        lambda: door.go_down(OUTAGE),
        "Stripe is down for a day: every call fails, webhooks come later. Move the clock by a day.",
    ),
    "back": (door.come_back, "Stripe answers again; the webhooks held back are on their way."),
}
AWAY = "The local Stripe does not answer."

# Pages about one customer: the address's name -> (model, argument).
_ABOUT = {
    "recovery:case": (RecoveryCase, "case_id"),
    "subscriptions:detail": (Subscription, "subscription_id"),
    "transactions:detail": (Transaction, "transaction_id"),
}
SUGGESTED = 12


def playing(request: HttpRequest) -> dict[str, object]:
    """Give the customer a page is about, so that its bar can offer their stories."""
    merchant: Merchant | None = getattr(request, "merchant", None)
    match = request.resolver_match
    if match is None or merchant is None or match.view_name not in _ABOUT:
        return {}
    model, argument = _ABOUT[match.view_name]
    customer_id = (
        model._default_manager.filter(merchant=merchant, pk=match.kwargs.get(argument))
        .values_list("stripe_customer_id", flat=True)
        .first()
    )
    return _offer(customer_id) if customer_id else {}


def _offer(customer_id: str) -> dict[str, object]:
    try:
        player = door.player(customer_id)
    except (SandboxAway, StoryRefused) as error:
        logger.info("No stories for %s: %s", customer_id, error)
        return {}
    return {
        "player": player,
        "offered": [
            (name, word) for name, (word, _) in STORIES.items() if _makes_sense(name, player)
        ],
        "under_way": STORIES[player.story][0] if player.story in STORIES else "",
    }


def _makes_sense(story: str, player: Player) -> bool:
    if story == "new_card":
        return True
    if story == "confirm":
        return player.asks_for_customer
    if story == "undo":
        return bool(player.story)
    return player.type == "card" and story != player.story


@require_GET
@never_cache
@allow(Role.VIEWER)
def page(request: MerchantRequest) -> HttpResponse:
    """Show what can be played, and with whom."""
    now = clock.now()
    context: dict[str, object] = {
        "people": Subscription.objects.for_merchant(request.merchant)
        .filter(next_payment_at__gt=now)
        .order_by("next_payment_at")[:SUGGESTED],
        "in_recovery": Transaction.objects.for_merchant(request.merchant)
        .filter(case_status=RecoveryCase.Status.OPEN)
        .order_by("-first_failed_at", "-pk")[:SUGGESTED],
    }
    try:
        context["stripe"] = door.standing()
    except (SandboxAway, StoryRefused):
        context["stripe"] = None
    if customer_id := request.GET.get("customer", ""):
        context |= _offer(customer_id)
    return render(request, "console/stories.html", context)


@require_POST
@allow(Role.SUPPORT)
def play(request: MerchantRequest) -> HttpResponse:
    """Play a story with a customer of this merchant."""
    story, customer_id = request.POST.get("story", ""), request.POST.get("customer", "")
    if story not in STORIES:
        return HttpResponseBadRequest("No such story.")
    is_known = any(
        model._default_manager.filter(
            merchant=request.merchant, stripe_customer_id=customer_id
        ).exists()
        for model, _ in _ABOUT.values()
    )
    if not is_known:
        return HttpResponseBadRequest("No such customer.")
    try:
        player = door.player(customer_id, story)
    except SandboxAway:
        messages.error(request, AWAY)
    except StoryRefused as error:
        messages.error(request, str(error))
    else:
        messages.success(request, STORIES[story][1].format(name=player.name))
    return _back(request)


@require_POST
@allow(Role.SUPPORT)
def trouble(request: MerchantRequest) -> HttpResponse:
    """Bring trouble between us and Stripe, or end it."""
    name = request.POST.get("trouble", "")
    if name not in TROUBLES:
        return HttpResponseBadRequest("No such trouble.")
    begin, words = TROUBLES[name]
    try:
        begin()
    except (SandboxAway, StoryRefused):
        messages.error(request, AWAY)
    else:
        messages.success(request, words)
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Go back to the page the button stood on; a foreign address is not followed."""
    parts = urlsplit(request.headers.get("Referer", ""))
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    safe = url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return redirect(path if path.startswith("/") and safe else "console:stories")
