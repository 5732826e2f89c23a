"""What a customer or their bank does beside paying: money taken back, the offer bought again."""

import datetime as dt
from typing import Literal

from django.db import transaction

from apps.accounts.models import Merchant
from apps.dunning.rules import RetryRules
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.services.closing import close_case
from apps.recovery.services.events import append_event
from apps.recovery.services.holds import put_on_hold
from apps.stripe_gateway.facts import SubscriptionFacts

Engine, Hold, Kind = RecoveryCase.Engine, RecoveryCase.Hold, CaseEvent.Kind

RUNNING = ("active", "trialing")

WORDS = {
    "dispute": (Kind.DISPUTED, Hold.DISPUTE, "disputed", "The customer disputed a payment"),
    "refund": (
        Kind.REFUNDED,
        Hold.REFUND,
        "refunded",
        "A payment of this subscription was refunded",
    ),
}


def note_money_back(
    *,
    merchant: Merchant,
    what: Literal["dispute", "refund"],
    charge_id: str,
    customer_id: str,
    invoice_id: str,
    subscription_id: str,
    now: dt.datetime,
) -> None:
    """Note on the charge's own case that its money went back, and hold what is still open.

    A dispute holds every open case of the customer, a refund those of the same subscription: to
    charge on would lead to the next dispute. Each charge holds a case once; a person's release
    stands. Stripe's own retries go on where Stripe retries, so such cases are only marked.
    """
    kind, hold, done, why = WORDS[what]
    with transaction.atomic(durable=True):
        theirs = RecoveryCase.objects.for_merchant(merchant).filter(stripe_customer_id=customer_id)
        for case in (
            theirs.filter(status=RecoveryCase.Status.OPEN)
            .union(theirs.filter(stripe_invoice_id=invoice_id))
            .order_by("id")
        ):
            own = case.stripe_invoice_id == invoice_id
            if not own and what == "refund" and case.stripe_subscription_id != subscription_id:
                continue
            _note(case_id=case.pk, kind=kind, hold=hold, charge=(charge_id, done, why), now=now)


def _note(
    *,
    case_id: int,
    kind: CaseEvent.Kind,
    hold: RecoveryCase.Hold,
    charge: tuple[str, str, str],
    now: dt.datetime,
) -> None:
    charge_id, done, why = charge
    case = (
        RecoveryCase.objects.select_for_update(of=("self",))
        .select_related("merchant")
        .get(pk=case_id)
    )
    is_open = case.status == RecoveryCase.Status.OPEN
    text = f"{why}." if is_open else f"The payment was {done} after the case had ended."
    if not append_event(
        case=case,
        kind=kind,
        key=f"{kind}:{charge_id}",
        at=now,
        text=text,
        data={"charge": charge_id},
    ):
        return
    if is_open and case.engine != Engine.STRIPE and case.held_at is None:
        put_on_hold(
            case=case, hold=hold, text=f"{why}: nothing is tried until you say so.", now=now
        )


def note_bought_again(
    *, merchant: Merchant, subscription: SubscriptionFacts, now: dt.datetime
) -> None:
    """Stop or hold the cases of an offer that the customer has bought anew since it failed.

    By the rules of each case: "stop" closes it as stopped, "ask" holds it for a person. Where
    Stripe retries too, a case is held: Stripe's tries go on and may still be paid.
    """
    if subscription.status not in RUNNING or not subscription.product_id:
        return
    cases = (
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .filter(
            stripe_customer_id=subscription.customer_id,
            stripe_product_id=subscription.product_id,
            failed_at__lte=subscription.started_at,
            held_at=None,
        )
        .exclude(stripe_subscription_id__in=["", subscription.id])
        .exclude(engine=Engine.STRIPE)
        .exclude(events__key=f"bought_again:{subscription.id}")
    )
    for case_id in list(cases.values_list("pk", flat=True)):
        _bought_again(case_id=case_id, subscription=subscription, now=now)


def _bought_again(*, case_id: int, subscription: SubscriptionFacts, now: dt.datetime) -> None:
    with transaction.atomic(durable=True):
        case = (
            RecoveryCase.objects.open()
            .filter(pk=case_id, held_at=None)
            .select_for_update(of=("self",))
            .select_related("merchant")
            .first()
        )
        if case is None:
            return
        append_event(
            case=case,
            kind=Kind.WAITING,
            key=f"bought_again:{subscription.id}",
            at=now,
            text="The customer bought this offer again.",
            data={"subscription": subscription.id},
        )
        rules = RetryRules.from_json(case.rules)
        in_flight = Attempt.objects.unsettled().filter(case=case).exists()
        if rules.bought_again == "stop" and case.engine == Engine.RECOUP and not in_flight:
            close_case(
                case=case,
                status=RecoveryCase.Status.STOPPED,
                reason=RecoveryCase.EndReason.BOUGHT_AGAIN,
                at=now,
                now=now,
                text="Stopped: the customer bought the offer again.",
            )
            return
        text = "The customer bought this offer again. Go on with the old invoice, or stop?"
        put_on_hold(case=case, hold=Hold.BOUGHT_AGAIN, text=text, now=now)
