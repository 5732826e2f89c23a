"""Carry out the final action of cases that are given up, and close them."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services.closing import close_case
from apps.recovery.services.observing import refresh_case
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import GatewayError, NotFound

ASK_AGAIN = dt.timedelta(minutes=15)
Step, Status, EndReason = RecoveryCase.Step, RecoveryCase.Status, RecoveryCase.EndReason


def cases_to_finish(*, now: dt.datetime, limit: int = 100) -> list[int]:
    """Give the ids of open cases whose final action is due; none while charging is off."""
    return list(
        RecoveryCase.objects.open()
        .filter(
            next_step=Step.FINAL_ACTION,
            decide_by__lte=now,
            merchant__in=Merchant.objects.charging(),
        )
        .order_by("decide_by")
        .values_list("pk", flat=True)[:limit]
    )


def finish_case(*, case_id: int, now: dt.datetime) -> None:
    """Read the invoice once more; if nothing came in, act on the subscription and close as lost.

    Safe to repeat: the action has its own committed key, and a closed case is left alone.
    """
    case = RecoveryCase.objects.select_related("merchant").get(pk=case_id)
    try:
        refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
        case.refresh_from_db()
        if case.status != Status.OPEN or case.next_step != Step.FINAL_ACTION:
            return  # paid, stopped, or worth another try after all
        if not Merchant.objects.charging().filter(pk=case.merchant_id).exists():
            return  # switched off meanwhile: nothing is changed at Stripe
        action = case.events.filter(kind=CaseEvent.Kind.FINAL_ACTION).latest("id").data
        text = _act(case=case, action=action)
    except GatewayError:
        RecoveryCase.objects.filter(pk=case_id).update(decide_by=now + ASK_AGAIN)
        return
    with transaction.atomic(durable=True):
        locked = (
            RecoveryCase.objects.open()
            .filter(pk=case_id, next_step=Step.FINAL_ACTION)
            .select_for_update(of=("self",))
            .select_related("merchant")
            .first()
        )
        if locked is not None:
            close_case(
                case=locked,
                status=Status.LOST,
                reason=EndReason.TRIES_USED_UP,
                at=now,
                now=now,
                text=text,
            )


def _act(*, case: RecoveryCase, action: dict[str, str]) -> str:
    """Do what the rules say at the end and give it in words.

    Raises:
        GatewayError: Stripe could not be asked; the same key is used again.
    """
    if action["action"] != "cancel" or not case.stripe_subscription_id:
        return "Lost: tries used up. Nothing was changed at Stripe."
    try:
        gateway.cancel_subscription(
            account=case.merchant,
            subscription_id=case.stripe_subscription_id,
            key=action["key"],
        )
    except NotFound:
        return "Lost: tries used up. The subscription was gone already."
    return "Lost: tries used up. The subscription was canceled."
