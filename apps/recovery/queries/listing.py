"""The list of cases: filtered, sorted, counted, and what there is to filter by."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.customers.payers import payer_column
from apps.customers.queries import matching_customers
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, RecoveryCaseQuerySet, Try
from apps.recovery.queries.left import with_tries_left
from apps.recovery.queries.tabs import VIEWS, last_code_in
from apps.web.filters import TAB_CAP
from apps.web.sums import capped_counts

COUNT_CAP = 10_000
"""Longer lists are counted as "10,000+"."""

RECENT_ROWS = 2_000
"""How many of the newest cases the choices of the filter form are gathered from."""

ACCESS_KINDS = (CaseEvent.Kind.ACCESS_REVOKED, CaseEvent.Kind.ACCESS_GRANTED)

NEVER = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)

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


def _has(kind: CaseEvent.Kind) -> Exists:
    return Exists(CaseEvent.objects.filter(case=OuterRef("pk"), kind=kind))


EMAIL_STATES: Mapping[str, Q] = MappingProxyType(
    {
        "none": Q(mails_sent=None),
        "sent": Q(mails_sent__gt=0),
        "used": Q(link_used=True),
        "bounced": Q(mail_bounced=True),
    }
)
"""What can be asked about the emails of a case, as conditions for `filtered_cases`."""

ACCESS_STATES: Mapping[str, Q] = MappingProxyType(
    {
        "revoked": Q(access=CaseEvent.Kind.ACCESS_REVOKED),
        "granted": Q(access=CaseEvent.Kind.ACCESS_GRANTED),
        "unchanged": Q(access=None),
    }
)
"""What can be asked about access: what the case did to it last."""

MANY_LEFT = 3
"""From this many on the number of retries still to come is not told apart."""

_mails = (
    CaseEvent.objects.filter(case=OuterRef("pk"), kind=CaseEvent.Kind.MAIL_SENT)
    .order_by()
    .values("case")
    .annotate(n=Count("pk"))
)


@dataclass(frozen=True, slots=True)
class CaseFilters:
    """What the list of cases is narrowed to; empty values do not filter.

    `emails` are keys of EMAIL_STATES and `access` of ACCESS_STATES; `left` are numbers of retries
    still to come, where MANY_LEFT takes in all above it.

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
    emails: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def filtered_cases(*, merchant: Merchant, filters: CaseFilters) -> RecoveryCaseQuerySet:
    """Select cases, with what their rows show and sort by; an unknown view is Open.

    Each row carries its `payer`, `unsettled`, the status of its attempt in flight, `access`, the
    kind of the last event that changed access (None where there is none), and what became of the
    emails: `mails_sent` (None for none), `link_used`, `mail_bounced`.
    """
    rows = RecoveryCase.objects.for_merchant(merchant).annotate(
        payer=payer_column(),
        unsettled=Subquery(
            Attempt.objects.unsettled().filter(case=OuterRef("pk")).values("status")[:1]
        ),
        access=Subquery(
            CaseEvent.objects.filter(case=OuterRef("pk"), kind__in=ACCESS_KINDS)
            .order_by("-at", "-id")
            .values("kind")[:1]
        ),
        mails_sent=Subquery(_mails.values("n"), output_field=IntegerField()),
        link_used=_has(CaseEvent.Kind.LINK_USED),
        mail_bounced=_has(CaseEvent.Kind.MAIL_BOUNCED),
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
        rows = rows.filter(last_code_in(frozenset(filters.codes)))
    if filters.emails:
        rows = rows.filter(_any_of(EMAIL_STATES, filters.emails))
    if filters.access:
        rows = rows.filter(_any_of(ACCESS_STATES, filters.access))
    if filters.left:
        rows = with_tries_left(rows).filter(_left_in(filters.left))
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


def _any_of(states: Mapping[str, Q], wanted: Sequence[str]) -> Q:
    found = Q()
    for key in wanted:
        found |= states[key]
    return found


def _left_in(wanted: Sequence[str]) -> Q:
    """Match how many retries are left; what was made beyond the rules is none left."""
    numbers = {int(text) for text in wanted}
    found = Q(left__in=numbers)
    if 0 in numbers:
        found |= Q(left__lt=0)
    if MANY_LEFT in numbers:
        found |= Q(left__gt=MANY_LEFT)
    return found


@dataclass(frozen=True, slots=True)
class Capped:
    """How many rows a list has; with `is_capped` the number is a floor."""

    number: int
    is_capped: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of a list, and those of each of its tabs up to just over TAB_CAP."""

    total: Capped
    tabs: Mapping[str, int]


def counts(*, merchant: Merchant, cases: RecoveryCaseQuerySet) -> Counts:
    """Count the cases of a list up to COUNT_CAP, and those of all tabs; one query."""
    every = RecoveryCase.objects.for_merchant(merchant)
    tabs = [every.filter(which) for which in VIEWS.values()]
    caps = [COUNT_CAP + 1, *[TAB_CAP + 1] * len(tabs)]
    number, *found = capped_counts([cases, *tabs], cap=caps)
    total = Capped(min(number, COUNT_CAP), number > COUNT_CAP)
    return Counts(total, dict(zip(VIEWS, found, strict=True)))


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


def customers_of(*, merchant: Merchant, cases: list[RecoveryCase]) -> dict[str, Customer]:
    """Return the customers of some cases by Stripe id; one query."""
    ids = {case.stripe_customer_id for case in cases}
    rows = Customer.objects.for_merchant(merchant).filter(stripe_customer_id__in=ids)
    return {row.stripe_customer_id: row for row in rows}
