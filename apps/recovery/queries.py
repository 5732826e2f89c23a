"""Reads across the recovery models, for pages and for checks before an action."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import Merchant
from apps.accounts.queries import charging_stop
from apps.customers.models import Customer
from apps.customers.queries import matching_customers
from apps.dunning.codes import all_rows
from apps.dunning.decision import PlannedTry
from apps.dunning.facts import CaseFacts
from apps.dunning.forecast import course
from apps.dunning.money import Money
from apps.dunning.policy import check_before_charge, plan
from apps.dunning.provider_notes import last_day, provider_end
from apps.dunning.rules import RetryRules
from apps.recovery.facts import Seen, case_facts
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, RecoveryCaseQuerySet, Try
from apps.retry_settings.services import stripe_notes

Status, Step = RecoveryCase.Status, RecoveryCase.Step

COUNT_CAP = 10_000
"""Longer lists are counted as "10,000+"."""

RECENT_ROWS = 2_000
"""How many of the newest cases the choices of the filter form are gathered from."""

ACCESS_KINDS = (CaseEvent.Kind.ACCESS_REVOKED, CaseEvent.Kind.ACCESS_GRANTED)

NEVER = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)

MAILED = ("mail_sent",)
"""Kinds of case events, of a higher floor too, that say that a mail to the customer went out."""

_OPEN = Q(status=Status.OPEN)
_WATCHED = _OPEN & Q(next_step=Step.STRIPE)


def _last_code_in(codes: frozenset[str]) -> Q:
    return Q(last_decline_code__in=codes) | Q(last_decline_code="", last_failure_code__in=codes)


_BY_BANK = _last_code_in(
    frozenset(row.code for row in all_rows() if row.hard and row.needs_authentication)
)
_BY_CARD = _last_code_in(
    frozenset(row.code for row in all_rows() if row.hard and not row.needs_authentication)
)
# After a hard decline Stripe keeps its schedule, but charges nothing until the card changes.
# Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
NEEDS_CARD = _OPEN & Q(next_step__in=(Step.NEW_CARD, Step.NO_METHOD)) | _WATCHED & _BY_CARD
NEEDS_BANK = _OPEN & Q(next_step=Step.AUTHENTICATION) | _WATCHED & _BY_BANK
RETRYING = _OPEN & Q(next_step__in=(Step.RETRY, Step.CHECKING, Step.PROCESSING)) | (
    _WATCHED & Q(next_try_at__isnull=False) & ~(_BY_BANK | _BY_CARD)
)

VIEWS: Mapping[str, Q] = MappingProxyType(
    {
        "": _OPEN,
        "attention": NEEDS_CARD | NEEDS_BANK,
        "retrying": RETRYING,
        "new_card": NEEDS_CARD,
        "authentication": NEEDS_BANK,
        "recovered": Q(status=Status.RECOVERED),
        "lost": Q(status=Status.LOST),
        "stopped": Q(status=Status.STOPPED),
    }
)
"""The tabs above the list of cases."""

SORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "-failed": ("-failed_at", "-id"),
        "failed": ("failed_at", "id"),
        "-amount": ("-currency", "-amount_due_minor", "-id"),
        "amount": ("currency", "amount_due_minor", "id"),
        "next_try": ("next_try_sort", "id"),
        "-next_try": ("-next_try_sort", "-id"),
    }
)
"""The order of each sort in the address; terms as apps.web.lists wants them."""


@dataclass(frozen=True, slots=True)
class StripeEnd:
    """By when Stripe's last try is made, by its window as noted or by default.

    `text` is what it does then, "" where that is not noted.
    """

    at: dt.datetime
    text: str
    is_noted: bool


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything the page of one case shows; tries and attempts oldest first, events newest first.

    `plan` are the tries still to come if each fails for the same reason; the first one is the
    scheduled attempt where there is one. `ends_at` is when Recoup then gives up, None where that is
    Stripe's to say: `stripe_end` is then when its last try is made, as far as its settings are
    noted. `retry_blocked` is "" when Retry now may be offered.
    """

    case: RecoveryCase
    customer: Customer | None
    rules: RetryRules
    facts: CaseFacts | None
    attempts: list[Attempt]
    tries: list[Try]
    events: list[CaseEvent]
    plan: tuple[PlannedTry, ...]
    retry_blocked: str
    ends_at: dt.datetime | None = None
    stripe_end: StripeEnd | None = None

    @property
    def in_flight(self) -> Attempt | None:
        """The attempt whose outcome is not known yet."""
        return next((one for one in self.attempts if one.status in Attempt.UNSETTLED), None)

    @property
    def scheduled(self) -> Attempt | None:
        """The attempt that is planned."""
        return next((one for one in self.attempts if one.status == "scheduled"), None)


def case_detail(*, merchant: Merchant, case_id: int, now: dt.datetime) -> CaseDetail:
    """Load one case with all that happened and all that is planned; about eight queries.

    Raises:
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    case = RecoveryCase.objects.for_merchant(merchant).select_related("merchant").get(pk=case_id)
    rules = RetryRules.from_json(case.rules)
    facts = stored_facts(case=case, now=now)
    is_open = case.status == RecoveryCase.Status.OPEN
    # A held case ends only after somebody lets it go on.
    is_ours = is_open and case.engine == RecoveryCase.Engine.RECOUP and case.held_at is None
    return CaseDetail(
        case=case,
        ends_at=course(facts=facts, rules=rules, now=now).ends_at if facts and is_ours else None,
        stripe_end=stripe_end(case=case, facts=facts, now=now),
        customer=Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=case.stripe_customer_id)
        .first(),
        rules=rules,
        facts=facts,
        attempts=list(case.attempts.order_by("number")),
        tries=list(
            Try.objects.for_merchant(merchant)
            .filter(stripe_invoice_id=case.stripe_invoice_id)
            .select_related("attempt")
        ),
        events=list(case.events.order_by("-at", "-id")),
        plan=plan(facts=facts, rules=rules, now=now) if facts and is_open else (),
        retry_blocked=retry_blocked(case=case, now=now, facts=facts),
    )


def stripe_end(
    *, case: RecoveryCase, facts: CaseFacts | None, now: dt.datetime
) -> StripeEnd | None:
    """Say when Stripe's tries for an open case end; None where it makes none, or they are over."""
    is_stripes = case.status == Status.OPEN and case.engine != RecoveryCase.Engine.RECOUP
    if not is_stripes or facts is None or not facts.provider_has_retries:
        return None
    notes = stripe_notes(case.merchant)
    at = last_day(notes, first_failed_at=case.failed_at, next_try_at=facts.provider_next_try_at)
    if at is None or at <= now:
        return None
    text = provider_end(notes, recurring=bool(case.stripe_subscription_id))
    return StripeEnd(at, text, is_noted=bool(notes.window_days))


def retry_blocked(*, case: RecoveryCase, now: dt.datetime, facts: CaseFacts | None = None) -> str:
    """Say why Retry now is not possible, from what was last read; "" when it is.

    `facts` are those of `stored_facts`, where the caller has them already.
    The worker asks the same rules again with a fresh read right before the charge.
    """
    if case.status != RecoveryCase.Status.OPEN:
        return "This case is closed."
    if case.held_at is not None:
        return f"On hold. {case.hold_note}"
    if stop := charging_stop(case.merchant):
        return stop.text
    if case.attempts.unsettled().exists():
        return "A charge is under way already."
    facts = facts or stored_facts(case=case, now=now)
    if facts is None:
        return "The invoice has not been read yet."
    rules = RetryRules.from_json(case.rules)
    blocked = check_before_charge(facts=facts, rules=rules, now=now, manual=True)
    return blocked.text if blocked else ""


def write_off_warnings(
    *,
    case: RecoveryCase,
    attempts: Iterable[Attempt] | None = None,
    events: Iterable[CaseEvent] | None = None,
) -> list[str]:
    """Say what speaks against marking an open case's invoice uncollectible; nothing when all did.

    `attempts` and `events` are the case's own, where the caller has them already.
    It is meant for when no try is planned and a person or a mail has asked for the money.
    """
    warnings = []
    if case.next_step in (Step.RETRY, Step.STRIPE):
        warnings.append("A try is still planned for this payment; it would not be made any more.")
    asked = any(
        one.trigger in Attempt.ON_THE_SPOT
        for one in (case.attempts.all() if attempts is None else attempts)
    )
    mailed = any(one.kind in MAILED for one in (case.events.all() if events is None else events))
    if not asked and not mailed:
        warnings.append("Nobody has retried this by hand, and no mail was sent to the customer.")
    return warnings


def stored_facts(*, case: RecoveryCase, now: dt.datetime) -> CaseFacts | None:
    """Build the facts of a case from its last read, without a call; None before the first."""
    if not case.seen:
        return None
    return case_facts(case=case, seen=Seen.from_json(case.seen), now=now)


@dataclass(frozen=True, slots=True)
class CaseFilters:
    """What the list of cases is narrowed to; empty values do not filter.

    Times of the first failure are half-open; amounts are in the smallest unit of `currency`.
    """

    view: str = ""
    search: str = ""
    codes: tuple[str, ...] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    currency: str = ""
    amount_min_minor: int | None = None
    amount_max_minor: int | None = None
    next_since: dt.datetime | None = None
    next_until: dt.datetime | None = None
    offers: tuple[str, ...] = ()
    retries_min: int | None = None
    retries_max: int | None = None
    engines: tuple[str, ...] = ()
    end_reasons: tuple[str, ...] = ()


def filtered_cases(*, merchant: Merchant, filters: CaseFilters) -> RecoveryCaseQuerySet:
    """Select cases, with what their rows show and sort by; an unknown view is Open.

    Each row carries `unsettled`, the status of its attempt in flight, and `access`, the kind of
    the last event that changed access; None where there is none.
    """
    rows = RecoveryCase.objects.for_merchant(merchant).annotate(
        unsettled=Subquery(
            Attempt.objects.unsettled().filter(case=OuterRef("pk")).values("status")[:1]
        ),
        access=Subquery(
            CaseEvent.objects.filter(case=OuterRef("pk"), kind__in=ACCESS_KINDS)
            .order_by("-at", "-id")
            .values("kind")[:1]
        ),
        next_try_sort=Coalesce(F("next_try_at"), Value(NEVER)),
    )
    wanted = {
        "failed_at__gte": filters.since,
        "failed_at__lt": filters.until,
        "currency": filters.currency or None,
        "amount_due_minor__gte": filters.amount_min_minor,
        "amount_due_minor__lte": filters.amount_max_minor,
        "next_try_at__gte": filters.next_since,
        "next_try_at__lt": filters.next_until,
        "offer_name__in": filters.offers or None,
        "retries_made__gte": filters.retries_min,
        "retries_made__lte": filters.retries_max,
        "engine__in": filters.engines or None,
        "end_reason__in": filters.end_reasons or None,
    }
    rows = rows.filter(
        VIEWS.get(filters.view, VIEWS[""]),
        **{lookup: value for lookup, value in wanted.items() if value is not None},
    )
    if filters.codes:
        rows = rows.filter(_last_code_in(frozenset(filters.codes)))
    if not filters.search:
        return rows
    text = filters.search
    return rows.filter(
        Q(stripe_customer_id__in=matching_customers(merchant=merchant, text=text))
        | Q(stripe_invoice_id__iexact=text)
        | Q(stripe_subscription_id__iexact=text)
        | Q(stripe_customer_id__iexact=text)
        | Q(stripe_invoice_id__in=_invoices_of(merchant, text))
    )


@dataclass(frozen=True, slots=True)
class Capped:
    """How many rows a list has; with `is_capped` the number is a floor."""

    number: int
    is_capped: bool


def capped_count(cases: RecoveryCaseQuerySet) -> Capped:
    """Count cases up to COUNT_CAP; one query."""
    number = cases.order_by().values("pk")[: COUNT_CAP + 1].count()
    return Capped(min(number, COUNT_CAP), number > COUNT_CAP)


def _invoices_of(merchant: Merchant, text: str) -> QuerySet[Try, Any]:
    """Select the invoices that a charge or payment intent was made for."""
    return (
        Try.objects.for_merchant(merchant)
        .filter(Q(stripe_charge_id=text) | Q(stripe_payment_intent_id=text))
        .exclude(stripe_invoice_id="")
        .values("stripe_invoice_id")
    )


@dataclass(frozen=True, slots=True)
class CaseChoices:
    """What the newest cases of a merchant offer to filter by, each sorted."""

    currencies: tuple[str, ...]
    declines: tuple[tuple[str, str], ...]  # code, words
    offers: tuple[str, ...] = ()


def case_choices(*, merchant: Merchant) -> CaseChoices:
    """Gather currencies, decline reasons and offers of the newest cases; one query."""
    rows = (
        RecoveryCase.objects.for_merchant(merchant)
        .order_by("-failed_at")
        .values_list(
            "currency",
            "last_decline_code",
            "last_failure_code",
            "last_decline_words",
            "offer_name",
        )[:RECENT_ROWS]
    )
    currencies, declines, offers = set(), {}, set()
    for currency, decline, failure, words, offer in rows:
        currencies.add(currency)
        offers.add(offer)
        if code := decline or failure:
            declines[code] = words
    by_words = sorted(declines.items(), key=lambda pair: (pair[1], pair[0]))
    return CaseChoices(tuple(sorted(currencies)), tuple(by_words), tuple(sorted(offers - {""})))


def needs_attention(merchant: Merchant) -> RecoveryCaseQuerySet:
    """Select the open cases that only the customer can move."""
    return RecoveryCase.objects.for_merchant(merchant).filter(VIEWS["attention"])


@dataclass(frozen=True, slots=True)
class Total:
    """How many cases, and their amounts, each currency apart, the one with most cases first."""

    count: int
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands above the cases; see `figures`."""

    at_risk: Total
    due: Total
    recovered: Total
    imported: Total


def figures(
    *,
    merchant: Merchant,
    due_since: dt.datetime,
    due_until: dt.datetime,
    recovered_since: dt.datetime,
) -> Figures:
    """Add up a merchant's cases; one query, never across currencies.

    At risk: due on open cases. Due: open cases whose next charge runs in the half-open span.
    Recovered: what was paid on cases that ended recovered since then, by payment date.
    Imported: due on open cases the merchant did not take over.
    """
    parts = {
        "at_risk": ("amount_due_minor", _OPEN),
        "due": (
            "amount_due_minor",
            RETRYING & Q(next_try_at__gte=due_since, next_try_at__lt=due_until),
        ),
        "recovered": (
            "recovered_minor",
            Q(status=Status.RECOVERED, closed_at__gte=recovered_since),
        ),
        "imported": ("amount_due_minor", _OPEN & Q(source=RecoveryCase.Source.IMPORT)),
    }
    sums = {
        f"{name}_{what}": made
        for name, (column, which) in parts.items()
        for what, made in (
            ("count", Count("pk", filter=which)),
            ("minor", Sum(column, filter=which, default=0)),
        )
    }
    wanted = _OPEN | parts["recovered"][1]
    rows = list(
        RecoveryCase.objects.for_merchant(merchant)
        .filter(wanted)
        .order_by()
        .values("currency")
        .annotate(**sums)
    )
    return Figures(**{name: _total(rows, name) for name in parts})


def customers_of(*, merchant: Merchant, cases: list[RecoveryCase]) -> dict[str, Customer]:
    """Return the customers of some cases by Stripe id; one query."""
    ids = {case.stripe_customer_id for case in cases}
    rows = Customer.objects.for_merchant(merchant).filter(stripe_customer_id__in=ids)
    return {row.stripe_customer_id: row for row in rows}


def _total(rows: Iterable[Mapping[str, Any]], name: str) -> Total:
    found = [row for row in rows if row[f"{name}_count"]]
    found.sort(key=lambda row: (-row[f"{name}_count"], row["currency"]))
    return Total(
        count=sum(row[f"{name}_count"] for row in found),
        amounts=tuple(Money(row[f"{name}_minor"], row["currency"]) for row in found),
    )
