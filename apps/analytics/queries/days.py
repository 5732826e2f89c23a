"""Everything that counts on one day of a merchant, read from the tables that hold the truth."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, Sum

from apps.accounts.models import Merchant
from apps.analytics.models import DayBreakdown
from apps.customers.models import Customer, PaymentMethod
from apps.dunning.metrics.causes import Cause, Happening, HappeningKind, cause_of
from apps.recovery.models import CaseEvent, RecoveryCase, Try
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction

Dimension = DayBreakdown.Dimension
Keys = Mapping[str, str]
"""A value for each dimension that something counts under."""

RENEWALS = ("subscription_cycle", "subscription_threshold")
"""Stripe's billing reasons of recurring payments; a first purchase is `subscription_create`."""


@dataclass(frozen=True, slots=True)
class FirstTries:
    """First charges of recurring payments, or that there was nothing to charge; amounts due."""

    currency: str
    offer: str
    number: int
    minor: int
    failed: int
    failed_minor: int


@dataclass(frozen=True, slots=True)
class CountedCase:
    """A case on the day it failed. `hours` is the time to its payment, None without one."""

    currency: str
    offer: str
    minor: int
    status: str
    hours: int | None
    keys: Keys


@dataclass(frozen=True, slots=True)
class Paid:
    """A recovered case on the day it was paid."""

    currency: str
    offer: str
    minor: int


@dataclass(frozen=True, slots=True)
class End:
    """A subscription on the day it ended."""

    currency: str
    offer: str
    for_nonpayment: bool


@dataclass(frozen=True, slots=True)
class Retry:
    """A charge after the first one that reached a bank, on the day it ran."""

    currency: str
    offer: str
    paid: bool
    keys: Keys


def day_first_tries(*, merchant: Merchant, day: dt.date) -> Iterator[FirstTries]:
    """Yield the first tries of a day by currency and offer, added up by the database.

    Without first purchases and first payments after a trial.
    """
    since, until = _bounds(day, merchant.zone)
    failed = Q(first_failed_at__lte=F("at")) | Q(tries=0)
    rows = (
        Transaction.objects.for_merchant(merchant)
        .filter(at__gte=since, at__lt=until, billing_reason__in=RENEWALS, is_after_trial=False)
        .filter(Q(tries__gt=0) | Q(first_failed_at__isnull=False))
        .order_by()
        .values("currency", "offer_name")
        .annotate(
            number=Count("pk"),
            minor=Sum("amount_minor"),
            failed=Count("pk", filter=failed),
            failed_minor=Sum("amount_minor", filter=failed, default=0),
        )
    )
    for currency, offer, *numbers in rows.values_list(
        "currency", "offer_name", "number", "minor", "failed", "failed_minor"
    ):
        yield FirstTries(currency, offer, *numbers)


def day_cases(*, merchant: Merchant, day: dt.date) -> Iterator[CountedCase]:
    """Yield the cases that failed on a day, with what became of them by now."""
    since, until = _bounds(day, merchant.zone)
    cases = list(
        RecoveryCase.objects.for_merchant(merchant)
        .filter(failed_at__gte=since, failed_at__lt=until)
        .order_by("id")
    )
    tries = _tries_of(merchant, [case.stripe_invoice_id for case in cases])
    places = _places(merchant, cases, tries)
    happenings = _happenings([case for case in cases if case.status == "recovered"])
    for case in cases:
        mine = tries[case.stripe_invoice_id]
        first = next((one for one in mine if one.status == Try.Status.FAILED), None)
        keys = _keys(case, first, places)
        keys[Dimension.REASON] = (
            (first.decline_code or first.failure_code) if first else ""
        ) or "no_charge"
        is_recovered = case.status == RecoveryCase.Status.RECOVERED
        if is_recovered:
            keys[Dimension.CAUSE] = _cause(case, mine, happenings[case.pk])
        yield CountedCase(
            currency=case.currency,
            offer=case.offer_name,
            minor=case.recovered_minor if is_recovered else case.amount_due_minor,
            status=case.status,
            hours=_hours(case) if is_recovered else None,
            keys=keys,
        )


def day_paid(*, merchant: Merchant, day: dt.date) -> Iterator[Paid]:
    """Yield the recovered cases that were paid on a day."""
    since, until = _bounds(day, merchant.zone)
    rows = RecoveryCase.objects.for_merchant(merchant).filter(
        status=RecoveryCase.Status.RECOVERED, closed_at__gte=since, closed_at__lt=until
    )
    for row in rows.only("currency", "offer_name", "recovered_minor").order_by("id"):
        yield Paid(row.currency, row.offer_name, row.recovered_minor)


def day_ends(*, merchant: Merchant, day: dt.date) -> Iterator[End]:
    """Yield the subscriptions that ended on a day; a plan paid to its end did not end."""
    since, until = _bounds(day, merchant.zone)
    rows = Subscription.objects.for_merchant(merchant).filter(
        status=Subscription.Status.CANCELED, ended_at__gte=since, ended_at__lt=until
    )
    for row in rows.only("currency", "offer_name", "ended_for_nonpayment").order_by("id"):
        yield End(row.currency, row.offer_name, row.ended_for_nonpayment)


def day_retries(*, merchant: Merchant, day: dt.date) -> Iterator[Retry]:
    """Yield the retries of a day, Stripe's and ours; those still under way are none yet."""
    since, until = _bounds(day, merchant.zone)
    ran = list(
        Try.objects.for_merchant(merchant)
        .filter(at__gte=since, at__lt=until, reached_network=True)
        .exclude(status=Try.Status.PENDING)
        .order_by("at", "id")
    )
    invoices = {one.stripe_invoice_id for one in ran}
    cases = {
        case.stripe_invoice_id: case
        for case in RecoveryCase.objects.for_merchant(merchant).filter(
            stripe_invoice_id__in=invoices
        )
    }
    tries = _tries_of(merchant, list(cases))
    places = _places(merchant, list(cases.values()), tries)
    for one in ran:
        case = cases.get(one.stripe_invoice_id)
        if case is None:
            continue
        number = [other.pk for other in tries[case.stripe_invoice_id]].index(one.pk)
        if number == 0:
            continue
        local = one.at.astimezone(merchant.zone)
        keys = _keys(case, one, places)
        keys[Dimension.NUMBER] = str(number)
        keys[Dimension.SLOT] = f"{local.weekday()} {local.hour}"
        before = tries[case.stripe_invoice_id][number - 1]
        keys[Dimension.REASON] = before.decline_code or before.failure_code or "no_charge"
        yield Retry(case.currency, case.offer_name, one.status == Try.Status.SUCCEEDED, keys)


def _bounds(day: dt.date, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Return the half-open bounds of a day; 23 or 25 hours apart when the clocks change."""
    start = dt.datetime.combine(day, dt.time(), tzinfo=zone)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    return start, end


def _tries_of(merchant: Merchant, invoice_ids: list[str]) -> Mapping[str, list[Try]]:
    found: dict[str, list[Try]] = defaultdict(list)
    rows = (
        Try.objects.for_merchant(merchant)
        .filter(stripe_invoice_id__in=invoice_ids)
        .select_related("attempt")
        .order_by("at", "id")
    )
    for row in rows:
        found[row.stripe_invoice_id].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Places:
    """Countries of customers by their id, and of the banks behind payment methods."""

    customers: Mapping[str, str]
    banks: Mapping[str, str]


def _places(
    merchant: Merchant, cases: list[RecoveryCase], tries: Mapping[str, list[Try]]
) -> _Places:
    methods = {one.stripe_payment_method_id for found in tries.values() for one in found} - {""}
    return _Places(
        customers=dict(
            Customer.objects.for_merchant(merchant)
            .filter(stripe_customer_id__in={case.stripe_customer_id for case in cases})
            .values_list("stripe_customer_id", "country")
        ),
        banks=dict(
            PaymentMethod.objects.for_merchant(merchant)
            .filter(stripe_payment_method_id__in=methods)
            .values_list("stripe_payment_method_id", "country")
        ),
    )


def _keys(case: RecoveryCase, tried: Try | None, places: _Places) -> dict[str, str]:
    """Give the dimensions that cases and retries share.

    Stripe does not name the bank behind a card. Its network and country come nearest; a bank
    debit's brand is the bank itself.
    """
    rules = case.rules
    brand = (tried.method_brand if tried else "") or "other"
    bank = places.banks.get(tried.stripe_payment_method_id, "") if tried else ""
    return {
        Dimension.NETWORK: brand,
        Dimension.ISSUER: f"{brand} {bank}".strip(),
        Dimension.METHOD: (tried.method_type if tried else "") or "none",
        Dimension.COUNTRY: places.customers.get(case.stripe_customer_id, "") or "unknown",
        Dimension.STRATEGY: str(rules.get("strategy") or "smart"),
        Dimension.SEGMENT: str(rules.get("policy") or ""),
    }


def _hours(case: RecoveryCase) -> int:
    lasted = (case.closed_at or case.failed_at) - case.failed_at
    return max(0, int(lasted.total_seconds() // 3600))


_HAPPENINGS: Mapping[str, HappeningKind] = {
    "link_used": "link_opened",
    "mail_sent": "mail_sent",
}


def _happenings(cases: list[RecoveryCase]) -> Mapping[int, list[Happening]]:
    found: dict[int, list[Happening]] = defaultdict(list)
    events = CaseEvent.objects.filter(
        case__in=cases, kind__in=[*_HAPPENINGS, CaseEvent.Kind.METHOD_CHANGED]
    ).exclude(data__has_key="refused")
    for event in events:
        kind = _HAPPENINGS.get(event.kind)
        if kind is None:
            kind = "card_refreshed" if event.data.get("by_network") else "card_changed"
        found[event.case_id].append(Happening(kind, event.at))
    return found


def _cause(case: RecoveryCase, tries: list[Try], happenings: list[Happening]) -> Cause:
    paid = next((one for one in reversed(tries) if one.status == Try.Status.SUCCEEDED), None)
    if paid is None:
        return "unexplained"
    return cause_of(
        trigger=paid.attempt.trigger if paid.attempt else "",
        stripe_retries=case.engine != RecoveryCase.Engine.RECOUP,
        paid_at=paid.at,
        happenings=happenings,
    )
