"""The last ninety days of failures, replayed through rules that are not saved yet."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.dunning.facts import CaseFacts, Method
from apps.dunning.money import Money
from apps.dunning.outlook import Rulebook
from apps.dunning.replay import PastFailure, Replayed, replay
from apps.dunning.rules import RetryRules
from apps.recovery.facts import payment_try
from apps.recovery.models import RecoveryCase, Try

DAYS = 90
MOST_CASES = 500
"""Each is followed twice, decision by decision: about three milliseconds."""
SHOWN = 10


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
    def moves_mails(self) -> bool:
        return self.now.mails != self.then.mails

    @property
    def moves_access(self) -> bool:
        return self.now.revoked_at != self.then.revoked_at

    @property
    def size(self) -> tuple[bool, bool, float]:
        """How much it changes: money that had come too late first, then access, then the end."""
        ends = (self.now.ends_at, self.then.ends_at)
        moved = abs((ends[1] - ends[0]).total_seconds()) if ends[0] and ends[1] else 0.0
        return self.then.too_late, self.moves_access, moved + abs(self.then.tries - self.now.tries)


@dataclass(frozen=True, slots=True)
class Sums:
    """What one set of rules comes to over all that was replayed; `days` is the mean to the end."""

    tries: int
    mails: int
    revoked: int
    days: float | None


@dataclass(frozen=True, slots=True)
class History:
    """What would change. `total` failures there were; `looked_at` of them, the newest, replayed.

    `in_segments` more follow a segment's own rules and are left out. `changes` are the largest of
    `changed`; `mails_moved` and `access_moved` of those have other dates.
    """

    total: int
    in_segments: int
    looked_at: int
    now: Sums
    then: Sums
    changed: int
    mails_moved: int
    access_moved: int
    too_late: int
    too_late_amounts: tuple[Money, ...]
    changes: tuple[Change, ...]

    @property
    def unlisted(self) -> int:
        return self.changed - len(self.changes)


def history(
    *, merchant: Merchant, saved: Rulebook, edited: RetryRules, now: dt.datetime
) -> History:
    """Replay the failures that no segment of its own took, newest first; five queries.

    Mails and access follow today's settings, as if they had stood all the time.
    """
    failures = RecoveryCase.objects.for_merchant(merchant).filter(
        failed_at__gte=now - dt.timedelta(days=DAYS)
    )
    cases = failures.exclude(rules__policy__gt="").order_by("-failed_at", "-id")
    total = cases.count()
    looked_at = list(cases[:MOST_CASES])
    current = replace(saved, mails=saved.mails.as_if_always_on())
    then = replace(current, retry=edited)
    found = [
        Change(case, name, replay(past, current), replay(past, then))
        for case, name, past in _past(merchant, looked_at)
    ]
    late = [one.case for one in found if one.then.too_late]
    changed = [one for one in found if one.is_any]
    return History(
        total=total,
        in_segments=failures.count() - total,
        looked_at=len(found),
        now=_sums((one.case, one.now) for one in found),
        then=_sums((one.case, one.then) for one in found),
        changed=len(changed),
        mails_moved=sum(one.moves_mails for one in changed),
        access_moved=sum(one.moves_access for one in changed),
        too_late=len(late),
        too_late_amounts=_amounts(late),
        changes=tuple(sorted(changed, key=lambda one: one.size, reverse=True)[:SHOWN]),
    )


def _sums(found: Iterable[tuple[RecoveryCase, Replayed]]) -> Sums:
    pairs = list(found)
    return Sums(
        tries=sum(one.tries for _, one in pairs),
        mails=sum(len(one.mails) for _, one in pairs),
        revoked=sum(one.revoked_at is not None for _, one in pairs),
        days=_mean_days(pairs),
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
        past = PastFailure(
            _facts(case, first.get(case.stripe_invoice_id), zone), paid_at, case.stripe_product_id
        )
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
