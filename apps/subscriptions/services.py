"""Writes to the read model of subscriptions and payment plans."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Count, Q

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.customers.upsert import columns_of, save_changes, write_newer
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway.facts import SubscriptionFacts
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction

Status = Subscription.Status

ENDED = (Status.CANCELED, Status.COMPLETED, Status.INCOMPLETE_EXPIRED)
RUNNING = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)
OWED = (Status.PAST_DUE, Status.UNPAID)
NONPAYMENT_REASONS = ("payment_failed", "payment_disputed")
LOST_FOR_NONPAYMENT = (
    RecoveryCase.EndReason.TRIES_USED_UP,
    RecoveryCase.EndReason.CANCELED_FOR_NONPAYMENT,
)


def project_subscription(
    *, merchant: Merchant, facts: SubscriptionFacts, read_at: dt.datetime
) -> Subscription:
    """Write a subscription as one read saw it; what was read later stays.

    What only some reads show (a payment plan's length, the offer's name) is kept when a read does
    not show it. Access and the case's columns are not touched by the read itself.
    """
    keys = {"merchant": merchant, "stripe_subscription_id": facts.id}
    values: dict[str, object] = {
        "stripe_customer_id": facts.customer_id,
        "stripe_product_id": facts.product_id,
        "status": facts.status,
        "amount_minor": facts.amount.minor,
        "currency": facts.amount.currency,
        "interval": facts.interval,
        "interval_count": facts.interval_count,
        "started_at": facts.started_at,
        "next_payment_at": next_payment_at(facts),
        "ends_at": ends_at(facts),
        "ended_at": facts.ended_at,
        "ended_for_nonpayment": facts.cancellation_reason in NONPAYMENT_REASONS,
        "default_method_id": facts.default_method_id,
        "default_source_id": facts.default_source_id,
        "defaults_known": True,
    }
    if facts.offer_name:
        values["offer_name"] = facts.offer_name[:512]
    if facts.installments_total:
        values["installments_total"] = facts.installments_total
        values["kind"] = Subscription.Kind.PAYMENT_PLAN
    customer = (
        Customer.objects.for_merchant(merchant).filter(stripe_customer_id=facts.customer_id).first()
    )
    if customer is not None:
        values["customer_name"], values["customer_email"] = customer.name, customer.email
    with transaction.atomic():
        write_newer(Subscription, keys=keys, values=values, read_at=read_at)
        row = Subscription.objects.select_for_update().get(**keys)
        before = columns_of(row)
        _derive(row)
        save_changes(row, before=before)
    return row


def refresh_subscription(*, merchant: Merchant, subscription_id: str) -> None:
    """Derive again what follows from a subscription's payments and cases. Asks Stripe nothing."""
    with transaction.atomic():
        row = (
            Subscription.objects.select_for_update()
            .for_merchant(merchant)
            .filter(stripe_subscription_id=subscription_id)
            .first()
        )
        if row is not None:
            before = columns_of(row)
            _derive(row)
            save_changes(row, before=before)


def apply_case(*, case: RecoveryCase) -> None:
    """Show a case on the row of its subscription, if it has one that was read already."""
    if case.stripe_subscription_id:
        refresh_subscription(merchant=case.merchant, subscription_id=case.stripe_subscription_id)


def next_payment_at(facts: SubscriptionFacts) -> dt.datetime | None:
    """Say when the next payment falls due; None where there will be none."""
    if facts.status not in ("active", "trialing", "past_due") or facts.collection_paused:
        return None
    due = facts.trial_end if facts.status == "trialing" else facts.current_period_end
    due = due or facts.current_period_end
    end = ends_at(facts)
    return None if due is None or (end is not None and end <= due) else due


def ends_at(facts: SubscriptionFacts) -> dt.datetime | None:
    """Say when a subscription that still runs will end; None where no end is set."""
    if facts.ended_at is not None:
        return None
    if facts.cancel_at is not None:
        return facts.cancel_at
    return facts.current_period_end if facts.cancel_at_period_end else None


def _derive(row: Subscription) -> None:
    """Fill the columns that follow from payments and cases. The caller locks and saves."""
    cases = list(
        RecoveryCase.objects.filter(
            merchant_id=row.merchant_id, stripe_subscription_id=row.stripe_subscription_id
        ).order_by("failed_at", "id")
    )
    running = [case for case in cases if case.status == RecoveryCase.Status.OPEN]
    shown = running[0] if running else (cases[-1] if cases else None)
    row.case_id = shown.pk if shown else None
    row.case_status = shown.status if shown else ""
    row.next_step = shown.next_step if shown and running else ""
    row.amount_due_minor = sum(case.amount_due_minor for case in running)
    row.next_try_at = min(
        (case.next_try_at for case in running if case.next_try_at is not None), default=None
    )
    if row.installments_total:
        _count_installments(row, is_collected=bool(running))
    row.past_due_since = _owed_since(row, running or cases[-1:])
    if row.status == Status.CANCELED and _lost_for_nonpayment(row, cases):
        row.ended_for_nonpayment = True
    _derive_access(row)


def _derive_access(row: Subscription) -> None:
    """Show access where nobody changed it: it comes with a running subscription.

    A payment plan that was paid to its end keeps it.
    """
    if row.access == Subscription.Access.NONE and row.status in (*RUNNING, Status.COMPLETED):
        row.access = Subscription.Access.GRANTED
    elif row.access == Subscription.Access.GRANTED and row.status in (
        Status.CANCELED,
        Status.INCOMPLETE_EXPIRED,
    ):
        row.access = Subscription.Access.NONE


def _owed_since(row: Subscription, cases: Sequence[RecoveryCase]) -> dt.datetime | None:
    """Say since when money is owed: the first failure that is still open, else the last one."""
    if row.status not in OWED:
        return None
    return cases[0].failed_at if cases else row.past_due_since


def _lost_for_nonpayment(row: Subscription, cases: Sequence[RecoveryCase]) -> bool:
    """Say whether we ended it as the final action: Stripe then names no reason of its own."""
    return bool(cases) and cases[-1].end_reason in LOST_FOR_NONPAYMENT


def _count_installments(row: Subscription, *, is_collected: bool) -> None:
    """Count a payment plan's instalments by its invoices, not by time that has passed.

    A plan that ended with all of them paid is Completed, whatever Stripe calls its end. One that
    ended with a gap is past due while a missed instalment is still being collected.
    """
    counted = Transaction.objects.filter(
        merchant_id=row.merchant_id, stripe_subscription_id=row.stripe_subscription_id
    ).aggregate(
        paid=Count("pk", filter=Q(invoice_status="paid")),
        missed=Count(
            "pk",
            filter=Q(status__in=Transaction.FAILED_STATUSES) | Q(invoice_status="uncollectible"),
        ),
    )
    row.installments_paid = counted["paid"]
    row.installments_missed = counted["missed"]
    if row.ended_at is None or row.status == Status.INCOMPLETE_EXPIRED:
        return
    if counted["paid"] >= (row.installments_total or 0):
        row.status = Status.COMPLETED
        row.ended_for_nonpayment = False
    else:
        row.status = Status.PAST_DUE if is_collected else Status.CANCELED


def set_access(*, merchant: Merchant, subscription_id: str, access: str, by: str) -> None:
    """Show on a subscription's row whether its customer may use the offer, and who decided."""
    Subscription.objects.for_merchant(merchant).filter(
        stripe_subscription_id=subscription_id
    ).update(access=access, access_by=by)


def show_customer(*, merchant: Merchant, customer_id: str, name: str, email: str) -> None:
    """Show a customer's new name and email on all their subscriptions."""
    Subscription.objects.for_merchant(merchant).filter(stripe_customer_id=customer_id).update(
        customer_name=name, customer_email=email
    )
