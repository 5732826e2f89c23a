"""The last ninety days of failures, replayed through rules that are not saved yet."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.dunning.facts import CaseFacts, Method
from apps.dunning.money import Money
from apps.dunning.replay import PastFailure, Replayed, replay
from apps.dunning.rules import RetryRules
from apps.recovery.facts import payment_try
from apps.recovery.models import RecoveryCase, Try

DAYS = 90
MOST_CASES = 300
"""Each is followed twice, decision by decision: some milliseconds."""
SHOWN = 25


@dataclass(frozen=True, slots=True)
class Change:
    """One past failure under the rules as they are and under the edited ones."""

    case: RecoveryCase
    customer: str
    now: Replayed
    then: Replayed

    @property
    def is_any(self) -> bool:
        return self.now != self.then

    @property
    def size(self) -> tuple[bool, float]:
        """How much it changes: money that had come too late first, then the days of the end."""
        ends = (self.now.ends_at, self.then.ends_at)
        moved = abs((ends[1] - ends[0]).total_seconds()) if ends[0] and ends[1] else 0.0
        return self.then.too_late, moved + abs(self.then.tries - self.now.tries)


@dataclass(frozen=True, slots=True)
class History:
    """What would change. `total` failures there were; `looked_at` of them, the newest, replayed."""

    total: int
    looked_at: int
    tries_now: int
    tries_then: int
    days_now: float | None
    days_then: float | None
    changed: int
    too_late: int
    too_late_amounts: tuple[Money, ...]
    changes: tuple[Change, ...]


def history(
    *, merchant: Merchant, current: RetryRules, edited: RetryRules, now: dt.datetime
) -> History:
    """Replay the failures that no segment of its own took, newest first; four queries."""
    cases = (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(failed_at__gte=now - dt.timedelta(days=DAYS))
        .exclude(rules__policy__gt="")
        .order_by("-failed_at", "-id")
    )
    total = cases.count()
    looked_at = list(cases[:MOST_CASES])
    changes = [
        Change(case, name, replay(past, current), replay(past, edited))
        for case, name, past in _past(merchant, looked_at)
    ]
    late = [one.case for one in changes if one.then.too_late]
    return History(
        total=total,
        looked_at=len(changes),
        tries_now=sum(one.now.tries for one in changes),
        tries_then=sum(one.then.tries for one in changes),
        days_now=_mean_days((one.case, one.now) for one in changes),
        days_then=_mean_days((one.case, one.then) for one in changes),
        changed=sum(one.is_any for one in changes),
        too_late=len(late),
        too_late_amounts=_amounts(late),
        changes=tuple(
            sorted((one for one in changes if one.is_any), key=lambda one: one.size, reverse=True)
        )[:SHOWN],
    )


def _past(
    merchant: Merchant, cases: list[RecoveryCase]
) -> Iterator[tuple[RecoveryCase, str, PastFailure]]:
    first: dict[str, Try] = {}
    tries = (
        Try.objects.for_merchant(merchant)
        .filter(
            stripe_invoice_id__in=[case.stripe_invoice_id for case in cases],
            status=Try.Status.FAILED,
        )
        .select_related("attempt")
    )
    for one in tries.order_by("at", "id"):
        first.setdefault(one.stripe_invoice_id, one)
    customers = {
        one.stripe_customer_id: one
        for one in Customer.objects.for_merchant(merchant).filter(
            stripe_customer_id__in={case.stripe_customer_id for case in cases}
        )
    }
    for case in cases:
        customer = customers.get(case.stripe_customer_id)
        zone = (customer.time_zone if customer else "") or merchant.time_zone
        paid_at = case.closed_at if case.status == RecoveryCase.Status.RECOVERED else None
        past = PastFailure(_facts(case, first.get(case.stripe_invoice_id), zone), paid_at)
        yield case, customer.display_name if customer else case.stripe_customer_id, past


def _facts(case: RecoveryCase, tried: Try | None, zone: str) -> CaseFacts:
    """Return what was known right after the first charge; the rest of its story is left out."""
    method = None
    if tried is not None:
        method = Method(
            reference=tried.stripe_payment_method_id,
            type=tried.method_type or "card",
            brand=tried.method_brand,
            fingerprint=tried.fingerprint,
        )
    return CaseFacts(
        invoice_status="open",
        amount_remaining=Money(max(case.amount_due_minor, 1), case.currency),
        first_failed_at=case.failed_at,
        tries=(payment_try(tried),) if tried else (),
        retries_made=0,
        method=method,
        zone=zone,
        provider_has_retries=False,
        reference=case.stripe_invoice_id,
        recurring=case.kind != RecoveryCase.Kind.ONE_OFF,
    )


def _mean_days(found: Iterable[tuple[RecoveryCase, Replayed]]) -> float | None:
    days = [
        (one.ends_at - case.failed_at).total_seconds() / 86400
        for case, one in found
        if one.ends_at is not None
    ]
    return round(sum(days) / len(days), 1) if days else None


def _amounts(cases: Iterable[RecoveryCase]) -> tuple[Money, ...]:
    totals: dict[str, int] = {}
    for case in cases:
        totals[case.currency] = totals.get(case.currency, 0) + case.recovered_minor
    return tuple(Money(minor, currency) for currency, minor in sorted(totals.items()))
