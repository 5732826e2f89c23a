"""Reads for the Subscriptions pages and their export."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.db.models import Case, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from apps.accounts.models import Merchant
from apps.customers.queries import matching_customers
from apps.dunning.money import Money
from apps.subscriptions.models import Subscription, SubscriptionQuerySet
from apps.transactions.models import Transaction
from apps.transactions.queries import by_stripe_id
from apps.web.filters import TAB_CAP
from apps.web.sums import capped_counts, sums_per_currency

COUNT_CAP = 10_000
"""Lists longer than this are counted as "10,000+" and not added up."""

RECENT_ROWS = 2_000
"""How many of the newest rows the choices of the filter form are gathered from."""

NEVER = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)

VIEWS: Mapping[str, Q] = MappingProxyType(
    {
        "": Q(),
        "past_due": Q(status=Subscription.Status.PAST_DUE),
        "unpaid": Q(status=Subscription.Status.UNPAID),
        "canceled_after_failure": Q(status=Subscription.Status.CANCELED, ended_for_nonpayment=True),
        "active": Q(status__in=(Subscription.Status.ACTIVE, Subscription.Status.TRIALING)),
    }
)
"""The tabs above the list."""

SORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "attention": ("-past_due_first", "-amount_minor", "-id"),
        "-started": ("-started_at", "-id"),
        "started": ("started_at", "id"),
        "-amount": ("-currency", "-amount_minor", "-id"),
        "amount": ("currency", "amount_minor", "id"),
        "status": ("status", "started_at", "id"),
        "-status": ("-status", "-started_at", "-id"),
        "customer": ("customer_name", "id"),
        "-customer": ("-customer_name", "-id"),
        "next_payment": ("next_payment_sort", "id"),
        "-next_payment": ("-next_payment_sort", "-id"),
        "-due": ("-currency", "-amount_due_minor", "-id"),
        "due": ("currency", "amount_due_minor", "id"),
        "past_due": ("past_due_sort", "id"),
        "-past_due": ("-past_due_sort", "-id"),
        "next_try": ("next_try_sort", "id"),
        "-next_try": ("-next_try_sort", "-id"),
    }
)
"""The order of each sort in the address, made for a cursor; "attention" is the default.

Every term is never null, all terms of one sort run the same way, and the last one is the unique
id: the next page is `(terms) > (terms of the last row)`.
"""


@dataclass(frozen=True, slots=True)
class SubscriptionFilters:
    """What the filter form asks for; empty values do not filter.

    Times are half-open: from `since`, before `until`. Amounts are per interval, in the smallest
    unit of `currency`.
    """

    view: str = ""
    statuses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    invoice_statuses: tuple[str, ...] = ()
    currency: str = ""
    amount_min_minor: int | None = None
    amount_max_minor: int | None = None
    started_since: dt.datetime | None = None
    started_until: dt.datetime | None = None
    next_try_since: dt.datetime | None = None
    next_try_until: dt.datetime | None = None
    customer_id: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The line above a list. With `is_capped` the count is a floor and there are no totals.

    `totals` are what is due now on open cases, per currency.
    """

    count: int
    is_capped: bool
    totals: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What the recent rows of a merchant offer to filter by, each sorted."""

    currencies: tuple[str, ...]
    offers: tuple[str, ...]


_LATEST_STATUS = Subquery(
    Transaction.objects.filter(
        merchant_id=OuterRef("merchant_id"),
        stripe_subscription_id=OuterRef("stripe_subscription_id"),
    )
    .exclude(invoice_status="")
    .order_by("-at", "-id")
    .values("invoice_status")[:1]
)


def filtered(*, merchant: Merchant, filters: SubscriptionFilters) -> SubscriptionQuerySet:
    """Select a merchant's subscriptions, without an order: see `ordered`.

    Each row carries `invoice_status`, that of its latest invoice; None before the first.
    """
    rows = Subscription.objects.for_merchant(merchant).annotate(invoice_status=_LATEST_STATUS)
    rows = rows.filter(VIEWS.get(filters.view, Q()))
    exact = {
        "status__in": filters.statuses or None,
        "kind__in": filters.kinds or None,
        "offer_name__in": filters.offers or None,
        "access__in": filters.access or None,
        "currency": filters.currency or None,
        "amount_minor__gte": filters.amount_min_minor,
        "amount_minor__lte": filters.amount_max_minor,
        "started_at__gte": filters.started_since,
        "started_at__lt": filters.started_until,
        "next_try_at__gte": filters.next_try_since,
        "next_try_at__lt": filters.next_try_until,
        "stripe_customer_id": filters.customer_id or None,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if wanted := filters.invoice_statuses:
        if "paid" not in wanted:
            # Few invoices are anything else: found by their own status, not row by row.
            some = Transaction.objects.for_merchant(merchant).filter(invoice_status__in=wanted)
            rows = rows.filter(stripe_subscription_id__in=some.values("stripe_subscription_id"))
        rows = rows.filter(invoice_status__in=wanted)
    if filters.search:
        rows = rows.filter(_search(merchant, filters.search.strip()))
    return rows


def ordered(rows: SubscriptionQuerySet, *, sort: str) -> SubscriptionQuerySet:
    """Put rows into the order of a sort in SORTS; an unknown one puts past due first."""
    terms = SORTS.get(sort, SORTS["attention"])
    first = terms[0].removeprefix("-")
    if first == "past_due_first":
        rows = rows.annotate(
            past_due_first=Case(
                When(status=Subscription.Status.PAST_DUE, then=1),
                default=0,
                output_field=IntegerField(),
            )
        )
    elif first == "next_payment_sort":
        rows = rows.annotate(next_payment_sort=Coalesce("next_payment_at", Value(NEVER)))
    elif first == "next_try_sort":
        rows = rows.annotate(next_try_sort=Coalesce("next_try_at", Value(NEVER)))
    elif first == "past_due_sort":
        rows = rows.annotate(past_due_sort=Coalesce("past_due_since", Value(NEVER)))
    return rows.order_by(*terms)


def summary(rows: SubscriptionQuerySet) -> Summary:
    """Count rows and add up what is due per currency, in one query that stops at COUNT_CAP."""
    groups = sums_per_currency(rows, amount="amount_due_minor", cap=COUNT_CAP + 1)
    count = sum(number for _, number, _ in groups)
    if count > COUNT_CAP:
        return Summary(COUNT_CAP, is_capped=True, totals=())
    totals = tuple(Money(due, currency) for currency, _, due in groups if due)
    return Summary(count, is_capped=False, totals=totals)


def tab_counts(*, merchant: Merchant) -> dict[str, int]:
    """Count the rows of each tab up to just over TAB_CAP; one query."""
    rows = [Subscription.objects.for_merchant(merchant).filter(which) for which in VIEWS.values()]
    return dict(zip(VIEWS, capped_counts(rows, cap=TAB_CAP + 1), strict=True))


def filter_choices(*, merchant: Merchant) -> FilterChoices:
    """Gather what the newest RECENT_ROWS rows can be filtered by."""
    recent = list(
        Subscription.objects.for_merchant(merchant)
        .order_by("-started_at", "-id")
        .values_list("currency", "offer_name")[:RECENT_ROWS]
    )
    return FilterChoices(
        currencies=tuple(sorted({currency for currency, _ in recent} - {""})),
        offers=tuple(sorted({offer for _, offer in recent} - {""})),
    )


def _search(merchant: Merchant, text: str) -> Q:
    """Match Stripe ids exactly, those of payments too; customers by name or email."""
    if text.startswith("sub_"):
        return Q(stripe_subscription_id=text)
    if text.startswith("cus_"):
        return Q(stripe_customer_id=text)
    payments = by_stripe_id(merchant=merchant, text=text)
    if payments is not None:
        paid_for = Transaction.objects.for_merchant(merchant).filter(payments)
        return Q(stripe_subscription_id__in=paid_for.values("stripe_subscription_id"))
    return Q(stripe_customer_id__in=matching_customers(merchant=merchant, text=text))
