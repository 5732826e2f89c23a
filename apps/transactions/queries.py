"""Reads for the Transactions pages and their export."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import Merchant
from apps.customers.queries import matching_customers
from apps.dunning.money import Money
from apps.recovery.models import Try
from apps.transactions.models import NEVER, Transaction, TransactionQuerySet
from apps.web.filters import TAB_CAP
from apps.web.sums import capped_counts, sums_per_currency

COUNT_CAP = 10_000
"""Lists longer than this are counted as "10,000+" and not added up."""

RECENT_ROWS = 2_000
"""How many of the newest rows the choices of the filter form are gathered from."""

STATUS_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"failed": tuple(status.value for status in Transaction.FAILED_STATUSES)}
)
"""Filter words that stand for several statuses: Failed is "last try failed, not paid yet"."""

VIEWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "": (),
        "attention": (
            Transaction.Status.NEEDS_CARD,
            Transaction.Status.NEEDS_AUTHENTICATION,
            Transaction.Status.FAILED,
        ),
        "retrying": (
            Transaction.Status.RETRYING,
            Transaction.Status.CHARGING,
            Transaction.Status.CHECKING,
        ),
        "failed": STATUS_GROUPS["failed"],
        "recovered": (Transaction.Status.RECOVERED,),
        "refunded": (Transaction.Status.REFUNDED,),
    }
)
"""The tabs above the list, as sets of statuses; an empty set is all of them."""

SORTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "-date": ("-at", "-id"),
        "date": ("at", "id"),
        "-amount": ("-currency", "-amount_minor", "-id"),
        "amount": ("currency", "amount_minor", "id"),
        "status": ("status", "at", "id"),
        "-status": ("-status", "-at", "-id"),
        "customer": ("customer_name", "id"),
        "-customer": ("-customer_name", "-id"),
        "next_try": ("next_try_sort", "id"),
        "-next_try": ("-next_try_sort", "-id"),
    }
)
"""The order of each sort in the address, made for a cursor.

Every term is never null, all terms of one sort run the same way, and the last one is the unique
id: the next page is `(terms) > (terms of the last row)`.
"""


@dataclass(frozen=True, slots=True)
class TransactionFilters:
    """What the filter form asks for; empty values do not filter.

    `statuses` holds values of Transaction.Status, where "failed" means every payment whose last
    try failed and that is not paid yet. Times are half-open: from `since`, before `until`.
    Amounts are in the smallest unit of `currency`.
    """

    view: str = ""
    statuses: tuple[str, ...] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    currency: str = ""
    amount_min_minor: int | None = None
    amount_max_minor: int | None = None
    decline_codes: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    invoice_statuses: tuple[str, ...] = ()
    tries_min: int | None = None
    tries_max: int | None = None
    next_try_since: dt.datetime | None = None
    next_try_until: dt.datetime | None = None
    customer_id: str = ""
    subscription_id: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The line above a list. With `is_capped` the count is a floor and there are no totals."""

    count: int
    is_capped: bool
    totals: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """What the recent rows of a merchant offer to filter by, each sorted."""

    currencies: tuple[str, ...]
    offers: tuple[str, ...]
    declines: tuple[tuple[str, str], ...]  # code, words
    methods: tuple[str, ...]


def filtered(*, merchant: Merchant, filters: TransactionFilters) -> TransactionQuerySet:
    """Select a merchant's transactions, without an order: see `ordered`."""
    rows = Transaction.objects.for_merchant(merchant)
    if wanted := VIEWS.get(filters.view, ()):
        rows = rows.filter(status__in=wanted)
    if filters.statuses:
        rows = rows.filter(status__in=expand_statuses(filters.statuses))
    exact = {
        "at__gte": filters.since,
        "at__lt": filters.until,
        "currency": filters.currency or None,
        "amount_minor__gte": filters.amount_min_minor,
        "amount_minor__lte": filters.amount_max_minor,
        "offer_name__in": filters.offers or None,
        "method_type__in": filters.methods or None,
        "invoice_status__in": filters.invoice_statuses or None,
        "tries__gte": filters.tries_min,
        "tries__lte": filters.tries_max,
        "next_try_at__gte": filters.next_try_since,
        "next_try_at__lt": filters.next_try_until,
        "stripe_customer_id": filters.customer_id or None,
        "stripe_subscription_id": filters.subscription_id or None,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value is not None})
    if filters.decline_codes:
        codes = filters.decline_codes
        rows = rows.filter(Q(decline_code__in=codes) | Q(decline_code="", failure_code__in=codes))
    if filters.search:
        rows = rows.filter(_search(merchant, filters.search.strip()))
    return rows


def ordered(rows: TransactionQuerySet, *, sort: str) -> TransactionQuerySet:
    """Put rows into the order of a sort in SORTS; an unknown one sorts by newest."""
    terms = SORTS.get(sort, SORTS["-date"])
    if "next_try_sort" in terms[0]:
        rows = rows.annotate(next_try_sort=Coalesce("next_try_at", Value(NEVER)))
    return rows.order_by(*terms)


def summary(rows: TransactionQuerySet) -> Summary:
    """Count rows and add up their amounts per currency, in one query that stops at COUNT_CAP."""
    groups = sums_per_currency(rows, amount="amount_minor", cap=COUNT_CAP + 1)
    count = sum(number for _, number, _ in groups)
    if count > COUNT_CAP:
        return Summary(COUNT_CAP, is_capped=True, totals=())
    totals = tuple(Money(minor, currency) for currency, _, minor in groups)
    return Summary(count, is_capped=False, totals=totals)


def tab_counts(*, merchant: Merchant) -> dict[str, int]:
    """Count the rows of each tab up to just over TAB_CAP; one query."""
    rows = [filtered(merchant=merchant, filters=TransactionFilters(view=name)) for name in VIEWS]
    return dict(zip(VIEWS, capped_counts(rows, cap=TAB_CAP + 1), strict=True))


def filter_choices(*, merchant: Merchant) -> FilterChoices:
    """Gather what the newest RECENT_ROWS rows can be filtered by."""
    recent = (
        Transaction.objects.for_merchant(merchant)
        .order_by("-at", "-id")
        .values_list(
            "currency", "offer_name", "decline_code", "failure_code", "decline_words", "method_type"
        )[:RECENT_ROWS]
    )
    currencies, offers, methods = set[str](), set[str](), set[str]()
    declines: dict[str, str] = {}
    for currency, offer, decline, failure, words, method in recent:
        currencies.add(currency)
        offers.add(offer)
        methods.add(method)
        if decline or failure:
            declines[decline or failure] = words
    return FilterChoices(
        currencies=tuple(sorted(currencies - {""})),
        offers=tuple(sorted(offers - {""})),
        declines=tuple(sorted(declines.items(), key=lambda pair: (pair[1], pair[0]))),
        methods=tuple(sorted(methods - {""})),
    )


def tries_of(transaction: Transaction) -> QuerySet[Try]:
    """Select the charges made for a transaction, oldest first."""
    rows = Try.objects.filter(merchant_id=transaction.merchant_id)
    if transaction.stripe_invoice_id:
        return rows.filter(stripe_invoice_id=transaction.stripe_invoice_id)
    return rows.filter(stripe_charge_id=transaction.stripe_charge_id)


def expand_statuses(words: tuple[str, ...]) -> tuple[str, ...]:
    """Replace the words of STATUS_GROUPS by the statuses they stand for."""
    return tuple(
        dict.fromkeys(status for word in words for status in STATUS_GROUPS.get(word, (word,)))
    )


def by_stripe_id(*, merchant: Merchant, text: str) -> Q | None:
    """Select payments by any of Stripe's ids about them, exactly; None for a text that is no id.

    Charges and payment intents are found whichever try they belong to, not only the last.
    """
    kind = text.partition("_")[0]
    if kind == "in":
        return Q(stripe_id=text)
    if kind in ("ch", "py", "pi"):
        name = "stripe_payment_intent_id" if kind == "pi" else "stripe_charge_id"
        invoices = (
            Try.objects.for_merchant(merchant)
            .filter(**{name: text})
            .exclude(stripe_invoice_id="")
            .values("stripe_invoice_id")
        )
        return _any_of(merchant, Q(**{name: text}), Q(stripe_id=text), Q(stripe_id__in=invoices))
    columns = {"cus": "stripe_customer_id", "sub": "stripe_subscription_id"}
    return Q(**{columns[kind]: text}) if kind in columns and "_" in text else None


def _search(merchant: Merchant, text: str) -> Q:
    """Match Stripe ids and invoice numbers exactly, customers by name or email."""
    found = by_stripe_id(merchant=merchant, text=text)
    if found is not None:
        return found
    customers = matching_customers(merchant=merchant, text=text)
    return _any_of(merchant, Q(stripe_customer_id__in=customers), Q(number__iexact=text))


def _any_of(merchant: Merchant, first: Q, *others: Q) -> Q:
    """Match rows by any of some conditions, each by its own index: OR would read every row."""
    rows = Transaction.objects.for_merchant(merchant).order_by().values("pk")
    return Q(pk__in=rows.filter(first).union(*(rows.filter(other) for other in others)))
