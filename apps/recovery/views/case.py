"""The page of one case."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.current import is_charging
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.facts import Method
from apps.dunning.provider import stripe_goes_on
from apps.dunning.words import method_name, words
from apps.recovery.extras import offered_actions, planned_steps
from apps.recovery.facts import Seen
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.queries.checks import write_off_warnings
from apps.recovery.queries.detail import CaseDetail, case_detail
from apps.recovery.views.card import budgets_of, mandate_of, updated_by_bank_at
from apps.recovery.views.status import ShownStatus, shown_status
from apps.recovery.views.strip import Mark, Strip, strip_of
from apps.recovery.views.timeline import (
    SOON,
    card_of,
    past_items,
    planned_items,
    planned_moments,
)
from apps.web.formats import format_date
from apps.web.htmx import wants_fragment

WAITS_FOR_CARD = (
    RecoveryCase.Step.NEW_CARD,
    RecoveryCase.Step.NO_METHOD,
    RecoveryCase.Step.AUTHENTICATION,
)

Engine, Status, Takeover = RecoveryCase.Engine, RecoveryCase.Status, RecoveryCase.Takeover


@require_GET
@allow(Role.VIEWER)
def case_page(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Show one case; its parts alone when the page asks again while a charge is in flight."""
    detail = load_case(request.merchant, case_id, is_charging=is_charging(request.membership))
    context = case_context(detail=detail, now=clock.now())
    context["more_actions"] = offered_actions(context["case"], request.role)
    name = "_case.html" if wants_fragment(request, target="case") else "case.html"
    return render(request, f"recovery/{name}", context)


def load_case(merchant: Merchant, case_id: int, *, is_charging: bool = False) -> CaseDetail:
    """Return a case of this merchant, else 404; `is_charging` as `case_detail` takes it."""
    try:
        return case_detail(
            merchant=merchant, case_id=case_id, now=clock.now(), is_charging=is_charging
        )
    except RecoveryCase.DoesNotExist as error:
        raise Http404 from error


@dataclass(frozen=True, slots=True)
class TryRow:
    """One line of the table of tries; `number` is "" for a charge that was no attempt of ours."""

    row: Try
    number: str
    who: str
    card: str
    reason: str
    why: str = ""


def case_context(*, detail: CaseDetail, now: dt.datetime) -> dict[str, Any]:
    """Gather what the templates of a case show."""
    case = detail.case
    in_flight = detail.in_flight
    moments = planned_moments(detail.attempts, detail.plan)
    method = detail.facts.method if detail.facts else None
    shown = shown_status(case, unsettled=in_flight.status if in_flight else "")
    by_stripe = _stripes_own(case, shown)
    ending = end_in_words(detail)
    planned = planned_items(
        moments,
        by_stripe=by_stripe,
        steps=planned_steps(detail),
        ending=ending,
        ends_at=detail.ends_at,
        stripe_end=detail.stripe_end,
    )
    return {
        "detail": detail,
        "case": case,
        "shown": shown,
        "reasons": _reasons(case, shown),
        "in_flight": in_flight,
        "polls": in_flight is not None and in_flight.status != Attempt.Status.PROCESSING,
        "next_number": moments[0][0] if moments else None,
        "last_number": moments[-1][0] if moments else None,
        "card": method_card(method),
        "by_stripe": by_stripe,
        "strip": _strip(detail, moments, by_stripe, now),
        "planned_later": planned[:-SOON],
        "planned_soon": planned[-SOON:],
        "past": past_items(detail.events, tries=detail.tries),
        "tries": [_try_row(one, case) for one in reversed(detail.tries)],
        "ending": ending,
        "ends_at": detail.ends_at,
        "ends_canceled": detail.rules.final_action == "cancel" and case.stripe_subscription_id,
        "write_off_warnings": write_off_warnings(
            case=case, attempts=detail.attempts, events=detail.events
        ),
        "budgets": budgets_of(detail.facts, now=now),
        "mandate": mandate_of(detail.facts),
        "updated_by_bank_at": updated_by_bank_at(detail),
        "stripe_line": _stripe_line(detail, shown),
        "stripe_count": max((one.stripe_attempt_count for one in detail.tries), default=0),
        "last_payment": detail.tries[-1] if detail.tries else None,
        "note_key": uuid.uuid4(),
        "access": _access(detail.events),
        "ended_by": _ended_by(detail.events, case),
        "recovered_by": _recovered_by(detail.events),
        "can_reopen": case.status in (Status.LOST, Status.STOPPED),
        "now": now,
    }


def _stripes_own(case: RecoveryCase, shown: ShownStatus) -> dt.datetime | None:
    """Return when Stripe charges by itself, also where Recoup only fills its gaps."""
    if case.engine == Engine.GAPS and case.status == Status.OPEN and case.seen:
        return Seen.from_json(case.seen).next_payment_attempt
    return shown.at if case.engine == Engine.STRIPE else None


def method_card(method: Method | None) -> str:
    """Return the card that would be charged now; "" when there is none."""
    return method_name(method.brand or method.type, method.last4) if method else ""


def end_in_words(detail: CaseDetail) -> str:
    """Return what happens if every try fails."""
    if detail.case.engine != Engine.RECOUP:
        noted = detail.stripe_end.text if detail.stripe_end else ""
        return noted or gettext("As set in Stripe")
    invoice = {
        "uncollectible": gettext("The invoice is marked uncollectible"),
        "void": gettext("The invoice is voided"),
    }.get(detail.rules.invoice_action, "")
    if not detail.case.stripe_subscription_id:
        return invoice or gettext("The invoice stays open")
    subscription = {
        "cancel": gettext("Subscription is canceled"),
        "pause": gettext("Collection is paused"),
    }.get(detail.rules.final_action, gettext("Subscription stays past due"))
    return f"{subscription}. {invoice}" if invoice else subscription


def _stripe_line(detail: CaseDetail, shown: ShownStatus) -> str:
    """Return whether Stripe will charge again by itself, as last read; "" before the first read."""
    case = detail.case
    if not case.seen:
        return ""
    seen = Seen.from_json(case.seen)
    return stripe_goes_on(
        invoice_status=seen.status,
        collection_method="charge_automatically" if seen.automatic else "send_invoice",
        auto_advance=seen.auto_advance,
        next_payment_attempt=seen.next_payment_attempt,
        failed=True,
        taken_over=case.engine == Engine.RECOUP,
        zone=case.merchant.zone,
        waits_for_card=shown.kind == "step" and shown.status in WAITS_FOR_CARD,
    )


def _strip(
    detail: CaseDetail,
    moments: list[tuple[int, dt.datetime]],
    by_stripe: dt.datetime | None,
    now: dt.datetime,
) -> Strip | None:
    merchant = detail.case.merchant

    def mark(label: str, state: str, at: dt.datetime) -> Mark:
        day = format_date(at, zone=merchant.zone, locale=merchant.locale, now=now)
        return Mark(label, day, state, at)

    states = {Try.Status.SUCCEEDED: "paid", Try.Status.FAILED: "failed"}
    marks: list[Mark] = []
    for one in detail.tries:
        state = states.get(Try.Status(one.status), "pending")
        marks.append(mark(_try_label(one, is_first=not marks), state, one.at))
    if not marks:
        marks.append(mark(gettext("Failed"), "failed", detail.case.failed_at))
    under_way = detail.in_flight
    if under_way and not any(one.attempt_id == under_way.pk for one in detail.tries):
        label = gettext("Retry %(n)d") % {"n": under_way.number}
        marks.append(mark(label, "pending", under_way.claimed_at or under_way.due_at))
    ahead = [(at, gettext("Retry %(n)d") % {"n": number}) for number, at in moments]
    if by_stripe is not None:
        ahead.append((by_stripe, gettext("Stripe")))
    marks += [mark(label, "planned", at) for at, label in sorted(ahead)]
    is_open = detail.case.status == Status.OPEN
    ending = gettext("If all fail: %(end)s") % {"end": end_in_words(detail)} if is_open else ""
    return strip_of(marks, ending=ending)


def _try_label(one: Try, *, is_first: bool) -> str:
    if one.attempt is not None:
        return gettext("Retry %(n)d") % {"n": one.attempt.number}
    if is_first:
        return gettext("Failed") if one.status == Try.Status.FAILED else gettext("Payment")
    return gettext("Stripe")


def _try_row(one: Try, case: RecoveryCase) -> TryRow:
    attempt, card = one.attempt, card_of(one)
    reason = words(one.decline) if one.decline else ""
    if attempt is None:
        first = one.at <= case.failed_at
        who = gettext("Initial charge") if first else gettext("Stripe or the customer")
        return TryRow(one, "", who, card, reason)
    who = attempt.asked_by or gettext("Recoup")
    why = "" if attempt.asked_by else " ".join(_texts(attempt.reasons))
    return TryRow(one, gettext("Retry %(n)d") % {"n": attempt.number}, who, card, reason, why)


def _reasons(case: RecoveryCase, shown: ShownStatus) -> list[str]:
    """Return why what comes next was decided; what Stripe will not carry out is left out."""
    waits = case.next_step == RecoveryCase.Step.STRIPE and shown.at is None
    kept = [reason for reason in case.reasons if not (waits and reason["code"] == "stripe_retries")]
    return _texts(kept)


def _texts(reasons: list[dict[str, str]]) -> list[str]:
    return [reason["text"] for reason in reasons]


def _access(events: list[CaseEvent]) -> CaseEvent | None:
    kinds = (CaseEvent.Kind.ACCESS_REVOKED, CaseEvent.Kind.ACCESS_GRANTED)
    return next((event for event in events if event.kind in kinds), None)


def _ended_by(events: list[CaseEvent], case: RecoveryCase) -> str:
    """Return who stopped a stopped case; "" when it was no person."""
    if case.status != Status.STOPPED:
        return ""
    last = next((event for event in events if event.kind == CaseEvent.Kind.STOPPED), None)
    return last.actor if last and last.actor != "Recoup" else ""


def _recovered_by(events: list[CaseEvent]) -> int | None:
    """Return the ordinal of the attempt that paid, if one of ours did."""
    last = next((event for event in events if event.kind == CaseEvent.Kind.RECOVERED), None)
    return last.data.get("attempt") if last else None
