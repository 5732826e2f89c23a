"""Rules that must never break, asked of the database while it is in use. Read-only.

Constraints, the protocol and the tests hold them; a figure above zero is a bug or a person's hand
in the tables, and worth waking somebody. Their numbers are those of the simulation's rules.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.accounts.models import Installation
from apps.customer_payments.models import Access
from apps.customer_payments.services.sweeping import RETURNED
from apps.dunning.limits import CARD_LIMITS
from apps.reactions.services import MOST_TRIES
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.webhooks.models import InboxEvent

LATE = dt.timedelta(minutes=15)
TOO_LONG = dt.timedelta(hours=24)
GRANTED_WITHIN = dt.timedelta(minutes=5)
LOOK_BACK = dt.timedelta(days=2)
"""How far back our own charges are held against the card budget; asked every five minutes."""
READ_WITHIN = dt.timedelta(hours=1)
"""What Stripe charged by itself may not have been read yet when we charged."""

Rows = QuerySet[Any, Any]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One rule: `broken(now)` selects what breaks it, `shown` is the column that names it."""

    name: str
    rule: str
    words: str
    broken: Callable[[dt.datetime], Rows]
    shown: str


def paid_twice(now: dt.datetime) -> Rows:
    """Select invoices with more successful charges than were owed."""
    return (
        Try.objects.filter(status=Try.Status.SUCCEEDED)
        .exclude(stripe_invoice_id="")
        .order_by()
        .values("merchant_id", "stripe_invoice_id")
        .annotate(number=Count("id"), paid=Sum("amount_minor"), owed=Max("amount_due_minor"))
        # Parts of an invoice may be paid one by one.
        .filter(number__gt=1, paid__gt=F("owed"))
    )


def unknown_too_long(now: dt.datetime) -> Rows:
    """Select attempts nobody knows the outcome of for more than a day."""
    return Attempt.objects.filter(
        status__in=[Attempt.Status.UNKNOWN, Attempt.Status.RUNNING], claimed_at__lt=now - TOO_LONG
    )


def charged_but_skipped(now: dt.datetime) -> Rows:
    """Select attempts that say they charged nothing, though a charge at Stripe is theirs."""
    charges = Try.objects.filter(attempt=OuterRef("pk")).exclude(
        stripe_charge_id__startswith="none:"
    )
    return Attempt.objects.filter(Exists(charges), status=Attempt.Status.SKIPPED)


def over_card_budget(now: dt.datetime) -> Rows:
    """Select our charges of the last days that a card had no budget left for.

    Every try of the card counts, by Stripe or by hand too, if it could be known by then.
    """
    over = Q()
    ours = Try.objects.filter(
        attempt__isnull=False, reached_network=True, at__gt=now - LOOK_BACK
    ).exclude(fingerprint="")
    for number, limit in enumerate(CARD_LIMITS):
        earlier = (
            Try.objects.filter(
                merchant=OuterRef("merchant"),
                fingerprint=OuterRef("fingerprint"),
                reached_network=True,
                at__gt=OuterRef("at") - limit.window,
                at__lte=OuterRef("at") - READ_WITHIN,
            )
            .order_by()
            .values("fingerprint")
            .annotate(number=Count("id"))
            .values("number")
        )
        if limit.network == "":
            ours = ours.annotate(**{f"earlier_{number}": Coalesce(Subquery(earlier), 0)})
            over |= Q(**{f"earlier_{number}__gte": limit.tries})
    return ours.filter(over)


def scheduled_though_closed(now: dt.datetime) -> Rows:
    """Select attempts that are still planned for a case that is closed."""
    return Attempt.objects.filter(status=Attempt.Status.SCHEDULED).exclude(
        case__status=RecoveryCase.Status.OPEN
    )


def recovered_without_charge(now: dt.datetime) -> Rows:
    """Select recovered cases without a successful charge in the case's currency."""
    charges = Try.objects.filter(
        merchant=OuterRef("merchant"),
        stripe_invoice_id=OuterRef("stripe_invoice_id"),
        status=Try.Status.SUCCEEDED,
        currency=OuterRef("currency"),
    )
    return RecoveryCase.objects.filter(~Exists(charges), status=RecoveryCase.Status.RECOVERED)


def revoked_while_paid(now: dt.datetime) -> Rows:
    """Select accesses that are still taken by a case whose recovery was reacted to minutes ago.

    Only where access is to be given back, and was so when the payment came in; not where it was
    taken because the payment was refunded or disputed later.
    """
    recovered = (
        CaseEvent.objects.filter(
            case_id=OuterRef("revoked_by_case_id"),
            kind=CaseEvent.Kind.RECOVERED,
            case__status=RecoveryCase.Status.RECOVERED,
        )
        .exclude(case__events__key=RETURNED)
        .order_by("-id")
    )
    return (
        Access.objects.filter(
            state__in=(Access.State.BANNER, Access.State.LIMITED, Access.State.REVOKED),
            merchant__customer_payment_settings__grant_on_success=True,
        )
        .annotate(reacted_at=Subquery(recovered.values("delivered_at")[:1]))
        .filter(
            reacted_at__lt=now - GRANTED_WITHIN,
            reacted_at__gt=F("merchant__customer_payment_settings__updated_at"),
        )
    )


def late_attempts(now: dt.datetime) -> Rows:
    """Select attempts that nobody made, re-planned or closed in time.

    Where charging is switched off they wait on purpose; while the engine is away they do not.
    """
    if not Installation.objects.current().charging_on:
        return Attempt.objects.none()
    may_charge = Q(case__takeover=RecoveryCase.Takeover.CONFIRMED) | Q(
        case__engine=RecoveryCase.Engine.GAPS
    )
    return Attempt.objects.filter(
        may_charge,
        status=Attempt.Status.SCHEDULED,
        due_at__lt=now - LATE,
        case__status=RecoveryCase.Status.OPEN,
        case__merchant__charging_on=True,
    )


def waiting_events(now: dt.datetime) -> Rows:
    """Select Stripe's events that were kept and that nobody took in."""
    return InboxEvent.objects.pending().filter(received_at__lt=now - LATE)


def waiting_outbox(now: dt.datetime) -> Rows:
    """Select case events nobody reacted to; those that failed too often are counted elsewhere."""
    # An event is dated by Stripe: we may have learned of it with the case's last read only.
    return (
        CaseEvent.objects.undelivered()
        .filter(delivery_tries__lt=MOST_TRIES, is_silent=False, at__lt=now - LATE)
        .exclude(case__checked_at__gte=now - LATE)
    )


INVARIANTS = (
    Invariant("paid_twice", "M1", "No invoice is collected twice", paid_twice, "stripe_invoice_id"),
    Invariant(
        "unknown_too_long",
        "M5",
        "What became of every charge is known within a day",
        unknown_too_long,
        "case__stripe_invoice_id",
    ),
    Invariant(
        "charged_but_skipped",
        "M5",
        "No attempt that made a charge says it made none",
        charged_but_skipped,
        "case__stripe_invoice_id",
    ),
    Invariant(
        "over_card_budget",
        "M7",
        "No card is charged more often than its network allows",
        over_card_budget,
        "stripe_charge_id",
    ),
    Invariant(
        "scheduled_though_closed",
        "M10",
        "Nothing is planned for a closed case",
        scheduled_though_closed,
        "case__stripe_invoice_id",
    ),
    Invariant(
        "recovered_without_charge",
        "M13",
        "What counts as recovered was charged, in the same currency",
        recovered_without_charge,
        "stripe_invoice_id",
    ),
    Invariant(
        "revoked_while_paid",
        "E2",
        "Access taken by a case comes back when it is paid",
        revoked_while_paid,
        "stripe_customer_id",
    ),
    Invariant(
        "late_attempts",
        "L1",
        "Every due attempt is made, re-planned or closed within 15 minutes",
        late_attempts,
        "case__stripe_invoice_id",
    ),
    Invariant(
        "waiting_events",
        "W1",
        "Every event that Stripe sent is taken in within 15 minutes",
        waiting_events,
        "stripe_event_id",
    ),
    Invariant(
        "waiting_outbox",
        "L1",
        "Everything that happens to a case is reacted to within 15 minutes",
        waiting_outbox,
        "case__stripe_invoice_id",
    ),
)
