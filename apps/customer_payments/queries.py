"""Reads for the access pages."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q

from apps.accounts.models import Merchant
from apps.customer_payments.models import Access, AccessEvent, AccessRun, AccessStep
from apps.customers.models import Customer
from apps.recovery.models import RecoveryCase
from apps.subscriptions.models import Subscription

RECENT_ROWS = 2_000
MOST_LOSING = 200
"""Lines of the list of who loses access; it covers two days."""

SHOWN_FOR = dt.timedelta(days=1)
"""How long the settings page tells what a run over open cases came to."""


@dataclass(frozen=True, slots=True)
class PastDue:
    """Customers with a failed payment now, and how many of them have lost access."""

    customers: int
    revoked: int


@dataclass(frozen=True, slots=True)
class RunProgress:
    """What a run over open cases came to so far, in customers.

    `waiting` have a step that is due now; `spared` kept access, because they paid or somebody said
    otherwise.
    """

    run: AccessRun
    revoked: int
    waiting: int
    later: int
    held: int
    spared: int

    @property
    def is_under_way(self) -> bool:
        return self.run.finished_at is None or bool(self.waiting)

    @property
    def done(self) -> int:
        """Customers whose access is settled, of those who were to lose it at once."""
        return min(self.revoked + self.spared + self.held, self.run.customers)


@dataclass(frozen=True, slots=True)
class Losing:
    """One customer whose access is about to go, or is held by a person."""

    step: AccessStep
    customer: Customer | None


@dataclass(frozen=True, slots=True)
class AccessDetail:
    """What the page of one access shows; events newest first, steps by their day."""

    row: Subscription | None
    case: RecoveryCase | None
    customer: Customer | None
    access: Access | None
    events: list[AccessEvent]
    steps: list[AccessStep]

    @property
    def who(self) -> str:
        """The customer as a person would call them."""
        if self.customer is not None:
            return self.customer.display_name
        if self.row is not None:
            return self.row.customer_name or self.row.stripe_customer_id
        return self.case.stripe_customer_id if self.case else ""

    @property
    def offer_name(self) -> str:
        return (self.row.offer_name if self.row else "") or (
            self.case.offer_name if self.case else ""
        )

    @property
    def state(self) -> str:
        """The state as it shows on the subscription's row."""
        return self.row.access if self.row else Subscription.Access.NONE

    @property
    def waiting(self) -> list[AccessStep]:
        return [step for step in self.steps if step.status in AccessStep.WAITING]

    @property
    def is_held(self) -> bool:
        return any(step.status == AccessStep.Status.HELD for step in self.waiting)


def past_due(*, merchant: Merchant) -> PastDue:
    """Count customers with an open case of a subscription or payment plan; two queries."""
    cases = (
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .exclude(kind=RecoveryCase.Kind.ONE_OFF)
        .exclude(stripe_customer_id="")
    )
    revoked = Access.objects.for_merchant(merchant).filter(
        Q(state=Access.State.REVOKED),
        stripe_subscription_id__in=cases.values("stripe_subscription_id"),
    )
    return PastDue(
        customers=cases.aggregate(n=Count("stripe_customer_id", distinct=True))["n"],
        revoked=revoked.aggregate(n=Count("stripe_customer_id", distinct=True))["n"],
    )


def offers(*, merchant: Merchant) -> list[tuple[str, str]]:
    """Give product id and name of the offers on the newest subscriptions, by name."""
    recent = (
        Subscription.objects.for_merchant(merchant)
        .exclude(stripe_product_id="")
        .order_by("-started_at", "-id")
        .values_list("stripe_product_id", "offer_name")[:RECENT_ROWS]
    )
    names = {product_id: name or product_id for product_id, name in reversed(list(recent))}
    return sorted(names.items(), key=lambda offer: offer[1].casefold())


def last_run(*, merchant: Merchant, now: dt.datetime) -> RunProgress | None:
    """Give the newest run over open cases, unless it ended a day ago; two queries."""
    run = AccessRun.objects.for_merchant(merchant).first()
    if run is None or (run.finished_at is not None and run.finished_at < now - SHOWN_FOR):
        return None
    Status, revoked = AccessStep.Status, Q(state=AccessStep.State.REVOKED)
    due = Q(status=Status.PLANNED, due_at__lte=now)

    def people(which: Q) -> Count:
        return Count("access__stripe_customer_id", distinct=True, filter=which)

    counts = AccessStep.objects.filter(
        case_id__in=run.case_ids, access__merchant=merchant, planned_at=run.asked_at
    ).aggregate(
        revoked=people(revoked & Q(status=Status.DONE)),
        waiting=people(due),
        later=people(revoked & Q(status=Status.PLANNED) & ~due),
        held=people(Q(status=Status.HELD)),
        spared=people(revoked & Q(status=Status.DROPPED)),
    )
    return RunProgress(run=run, **counts)


def losing(*, merchant: Merchant, until: dt.datetime) -> list[Losing]:
    """Give who loses access before `until` while unpaid, soonest first; held ones are among them."""
    steps = list(
        AccessStep.objects.for_merchant(merchant)
        .waiting()
        .filter(state=AccessStep.State.REVOKED, due_at__lt=until)
        .select_related("access", "case")
        .order_by("due_at", "id")[:MOST_LOSING]
    )
    customers = {
        customer.stripe_customer_id: customer
        for customer in Customer.objects.for_merchant(merchant).filter(
            stripe_customer_id__in=[step.access.stripe_customer_id for step in steps]
        )
    }
    return [Losing(step, customers.get(step.access.stripe_customer_id)) for step in steps]


def access_detail(
    *, merchant: Merchant, row: Subscription | None, case: RecoveryCase | None
) -> AccessDetail:
    """Load what is known about one access, from a subscription's row or from a case."""
    cases = RecoveryCase.objects.for_merchant(merchant)
    if row is None and case is not None and case.stripe_subscription_id:
        row = (
            Subscription.objects.for_merchant(merchant)
            .filter(stripe_subscription_id=case.stripe_subscription_id)
            .first()
        )
    if case is None and row is not None:
        same = cases.filter(stripe_subscription_id=row.stripe_subscription_id)
        case = same.order_by("-opened_at", "-id").first()
    known = row or case
    access = (
        Access.objects.for_merchant(merchant)
        .filter(
            stripe_customer_id=known.stripe_customer_id,
            stripe_product_id=known.stripe_product_id,
        )
        .first()
        if known
        else None
    )
    customers = Customer.objects.for_merchant(merchant)
    return AccessDetail(
        row=row,
        case=case,
        customer=customers.filter(stripe_customer_id=known.stripe_customer_id).first()
        if known
        else None,
        access=access,
        events=list(access.events.order_by("-at", "-id")[:100]) if access else [],
        steps=list(case.access_steps.exclude(state=AccessStep.State.ENDED).order_by("due_at", "id"))
        if case
        else [],
    )
