"""/pay/<token>/: what a customer sees who follows a payment link. No sign-in, no cookie.

GET and HEAD change nothing, however many scanners open a mail. The token in the address is the
secret and stands for the customer, so that the forms need no cookie against forgery.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from csp.constants import NONE, SELF
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps import clock
from apps.accounts.models import Merchant
from apps.customers.queries import zone_of_customer
from apps.dunning.customer_words import told, why_of
from apps.dunning_emails import services
from apps.dunning_emails.composing import last_access
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.models import CheckoutVisit, EmailSettings, PaymentLink
from apps.dunning_emails.services import fixing, waking
from apps.dunning_emails.services.visits import VISIT_LIFE
from apps.recovery.models import Attempt, CaseEvent
from apps.stripe_gateway.errors import GatewayError
from apps.web.htmx import wants_fragment

POLICY = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF],
    "connect-src": [SELF],
    "font-src": [NONE],
    "form-action": [SELF],
    "frame-src": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
"""Nothing from elsewhere. The way to Stripe is a page that leads there, not a form's redirect."""

POLL_SECONDS = 2
ACCESS_WITHIN = dt.timedelta(minutes=1)
"""How soon access is back after the payment; so long the page asks for that as well."""

PATIENCE = dt.timedelta(minutes=3)
"""How long the page keeps asking; after it, the customer is told that a mail will follow."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Locale, zone and time of the page: the customer's, where the dashboard's tags look."""

    locale: str
    zone: ZoneInfo
    now: dt.datetime
    merchant: Merchant | None = None


PayView = Callable[[HttpRequest, PaymentLink, str], HttpResponse]


def of_link(view: PayView) -> Callable[[HttpRequest, str], HttpResponse]:
    """Give a view its link; answer by itself where there is none, it ran out, or is in a hurry."""

    @wraps(view)
    def opened(request: HttpRequest, token: str) -> HttpResponse:
        link = services.find_link(token=token)
        if link is None:
            response = show(request, "gone", None, token, status=404)
        elif request.method == "HEAD":
            response = HttpResponse()
        elif not services.admit(link=link):
            response = show(request, "busy", None, token, status=429)
        elif not link.is_valid(now=clock.now()) and view is not renew_link:
            response = show(request, "expired", link, token, status=410)
        else:
            response = view(request, link, token)
        return guarded(response)

    return opened


def guarded(response: HttpResponse) -> HttpResponse:
    """Keep the address from other sites, search engines and every store."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    patch_cache_control(response, no_store=True, private=True)
    response._csp_replace = POLICY  # type: ignore[attr-defined]
    return response


def pay_page(request: HttpRequest, link: PaymentLink, token: str) -> HttpResponse:
    """Show what is owed and what can be done about it now."""
    try:
        seen = fixing.look(link=link)
    except GatewayError:
        return show(request, "away", link, token, status=503)
    if _leads_to_stripe(link) and seen.offer.is_open and seen.offer.invoice_page:
        return show(request, "leaving", link, token, url=seen.invoice.hosted_invoice_url)
    return show(request, "pay", link, token, **_about(seen, link))


def _leads_to_stripe(link: PaymentLink) -> bool:
    """Tell whether the merchant wants Stripe's page of the invoice; ours stands in where it ends."""
    return settings_of(link.merchant).link_target == EmailSettings.LinkTarget.STRIPE


def enter_card(request: HttpRequest, link: PaymentLink, token: str) -> HttpResponse:
    """Lead to Stripe's page for a new card, made for this click."""
    try:
        seen = fixing.look(link=link)
        if not seen.offer.new_method:
            return show(request, "pay", link, token, **_about(seen, link))
        url = fixing.enter_new_method(link=link, token=token, now=clock.now())
    except GatewayError:
        return show(request, "away", link, token, status=503)
    return show(request, "leaving", link, token, url=url)


def invoice_page(request: HttpRequest, link: PaymentLink, token: str) -> HttpResponse:
    """Lead to Stripe's page of the invoice, as it is now: to confirm, or to pay this one."""
    try:
        seen = fixing.look(link=link)
    except GatewayError:
        return show(request, "away", link, token, status=503)
    if not seen.offer.invoice_page:
        return show(request, "pay", link, token, **_about(seen, link))
    confirms = seen.offer.state == "confirm"
    text = (
        "The customer went to confirm the payment."
        if confirms
        else ("The customer went to pay the invoice.")
    )
    fixing.note_use(link=link, text=text, now=clock.now())
    return show(request, "leaving", link, token, url=seen.invoice.hosted_invoice_url)


def done_page(request: HttpRequest, link: PaymentLink, token: str) -> HttpResponse:
    """Show how the payment goes on after Stripe's page; asks for itself while it does.

    Coming back decides nothing: a worker asks Stripe what was entered, and does so as well when
    nobody comes back.
    """
    now = clock.now()
    visit = link.visits.order_by("-opened_at", "-pk").first()
    if visit is not None and visit.settled_at is None:
        waking.wake_collector(link_id=link.pk)
    case = link.case
    in_flight = case.attempts.filter(status__in=Attempt.UNSETTLED).exists()
    asks_again = case.status == case.Status.OPEN and visit is not None and _is_fresh(visit, now)
    access = last_access(case) if case.status == case.Status.RECOVERED else ""
    if access == CaseEvent.Kind.ACCESS_REVOKED and case.closed_at is not None:
        asks_again = now - case.closed_at < ACCESS_WITHIN
    state = progress_of(link, in_flight=in_flight, asks_again=asks_again)
    name = "_progress" if wants_fragment(request) else "done"
    return show(
        request,
        name,
        link,
        token,
        progress=state,
        polls=asks_again,
        every=POLL_SECONDS,
        has_access=access == CaseEvent.Kind.ACCESS_GRANTED,
    )


def _is_fresh(visit: CheckoutVisit, now: dt.datetime) -> bool:
    if visit.settled_at is None:
        return now - visit.opened_at < VISIT_LIFE
    return now - visit.settled_at < PATIENCE


def progress_of(link: PaymentLink, *, in_flight: bool, asks_again: bool) -> str:
    """Say where the payment stands: paid, charging, checking, refused or later."""
    case = link.case
    if case.status == case.Status.RECOVERED:
        return "paid"
    if case.status != case.Status.OPEN:
        return "closed"
    visit = link.visits.order_by("-opened_at", "-pk").first()
    if visit is None or visit.status == visit.Status.ABANDONED:
        return "nothing"
    tried = case.attempts.filter(trigger=Attempt.Trigger.LINK, claimed_at__gte=visit.opened_at)
    if not in_flight and tried.filter(settled_at__isnull=False).exists():
        return "refused"
    if visit.why_not and not in_flight:
        return "later"
    return "charging" if asks_again else "later"


def renew_link(request: HttpRequest, link: PaymentLink, token: str) -> HttpResponse:
    """Ask for a new link in place of one that ran out; the same words whatever comes of it."""
    if link.is_valid(now=clock.now()):
        return show(request, "expired", link, token, is_valid=True)
    if services.ask_for_new_link(link=link, now=clock.now()):
        waking.wake_sender()
    return show(request, "expired", link, token, asked=True)


pay = require_safe(of_link(pay_page))
card = csrf_exempt(require_POST(of_link(enter_card)))
invoice = csrf_exempt(require_POST(of_link(invoice_page)))
done = require_safe(of_link(done_page))
renew = csrf_exempt(require_POST(of_link(renew_link)))


def show(
    request: HttpRequest,
    name: str,
    link: PaymentLink | None,
    token: str,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """Render a page in the merchant's locale and the customer's zone."""
    now = clock.now()
    context |= {"link": link, "token": token, "shell": Frame("en_US", ZoneInfo("UTC"), now)}
    if link is not None:
        zone = zone_of_customer(merchant=link.merchant, customer_id=link.case.stripe_customer_id)
        context["shell"] = Frame(link.merchant.locale, ZoneInfo(zone), now)
        settings = settings_of(link.merchant)
        context["case"], context["contact"] = link.case, settings.reply_to
        context["store"] = settings.sender_name or link.merchant.name
        context["logo"], context["icon"] = settings.logo_hash, settings.icon_hash
        context["colour"] = settings.colour.removeprefix("#")
    return render(request, f"dunning_emails/pay/{name}.html", context, status=status)


def _about(seen: fixing.Look, link: PaymentLink) -> dict[str, Any]:
    invoice_, offer = seen.invoice, seen.offer
    facts = fixing.facts_of(invoice_, case=link.case)
    why = (
        "confirm"
        if offer.state == "confirm"
        else why_of(facts.decline, method_type=facts.method_type)
    )
    if invoice_.method is None and facts.decline is None:
        why = "nothing"
    spans = [line for line in invoice_.lines if line.period_start]
    return {
        "offer": offer,
        "invoice": invoice_,
        "reason": told(why, method_type=facts.method_type) if offer.is_open else "",
        "period": spans[0] if spans else None,
        "offer_name": invoice_.offer_name or link.case.offer_name,
        "subscribed": facts.subscription_status != "",
    }
