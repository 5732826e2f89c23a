"""Carry out the final action of cases that are given up, and close them."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services.closing import close_case
from apps.recovery.services.guarding import key_of_now
from apps.recovery.services.observing import refresh_case
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import BadRequest, GatewayError, InvoiceNotOpen, NotFound

ASK_AGAIN = dt.timedelta(minutes=15)
MARKED = "The invoice was marked uncollectible: bad debt that may still be paid."
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
    """Read the invoice once more; if nothing came in, carry out the end and close as lost.

    First the subscription, then the invoice: voiding the newest invoice would set a subscription
    active. Safe to repeat: each action has its own committed key, what is done already counts as
    done, and a closed case is left alone.
    """
    case = RecoveryCase.objects.select_related("merchant").get(pk=case_id)
    try:
        refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
        case.refresh_from_db()
        if case.status != Status.OPEN or case.next_step != Step.FINAL_ACTION:
            return  # paid, stopped, or worth another try after all
        if not Merchant.objects.charging().filter(pk=case.merchant_id).exists():
            return  # switched off meanwhile: nothing is changed at Stripe
        action = keys_of_now(case.events.filter(kind=CaseEvent.Kind.FINAL_ACTION).latest("id"), now)
        if case.write_off_key is not None and "key" not in action:
            reason, text = EndReason.UNCOLLECTIBLE, _write_off(case)
        else:
            reason, text = EndReason.TRIES_USED_UP, _act(case=case, action=action)
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
            close_case(case=locked, status=Status.LOST, reason=reason, at=now, now=now, text=text)


def keys_of_now(event: CaseEvent, now: dt.datetime) -> dict[str, str]:
    """Give the end as committed, with the keys to be used now."""
    renewed = {
        name: key_of_now(event.data[name], since=event.at, now=now)
        for name in ("key", "invoice_key")
        if name in event.data
    }
    return {**event.data, **renewed}


def _act(*, case: RecoveryCase, action: dict[str, str]) -> str:
    """Do what the rules say at the end and give it in words.

    Raises:
        GatewayError: Stripe could not be asked; the same keys are used again.
    """
    done = [
        _end_subscription(case=case, action=action),
        _end_invoice(case=case, action=action),
    ]
    said = [text for text in done if text] or ["Nothing was changed at Stripe."]
    return " ".join([f"Lost: {action.get('why', 'tries used up')}.", *said])


def _end_subscription(*, case: RecoveryCase, action: dict[str, str]) -> str:
    subscription_id, wanted = case.stripe_subscription_id, action["action"]
    if not subscription_id or wanted not in ("cancel", "pause"):
        return ""
    try:
        if wanted == "cancel":
            gateway.cancel_subscription(
                account=case.merchant, subscription_id=subscription_id, key=action["key"]
            )
            return "The subscription was canceled."
        gateway.pause_collection(
            account=case.merchant, subscription_id=subscription_id, key=action["key"]
        )
    except NotFound:
        return "The subscription was gone already."
    except BadRequest:
        return "The subscription had ended already."
    return "Collection was paused: later invoices stay drafts until you resume it in Stripe."


def _end_invoice(*, case: RecoveryCase, action: dict[str, str]) -> str:
    wanted = action.get("invoice_action", "leave_open")
    if wanted == "leave_open":
        return ""
    try:
        if wanted == "void":
            gateway.void_invoice(
                account=case.merchant, invoice_id=case.stripe_invoice_id, key=action["invoice_key"]
            )
            return "The invoice was voided: nothing is owed any more."
        gateway.mark_uncollectible(
            account=case.merchant, invoice_id=case.stripe_invoice_id, key=action["invoice_key"]
        )
    except InvoiceNotOpen:
        return "The invoice was closed already."
    return MARKED


def _write_off(case: RecoveryCase) -> str:
    """Mark the invoice as a person asked, under the key committed with their wish."""
    try:
        gateway.mark_uncollectible(
            account=case.merchant,
            invoice_id=case.stripe_invoice_id,
            key=f"recoup-write-off-{case.write_off_key}",
        )
    except InvoiceNotOpen:
        return "Lost. The invoice was closed already."
    return f"Lost. {MARKED}"
