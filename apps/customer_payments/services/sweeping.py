"""What no case event says: a later payment came in, or a recovered one was taken back."""

import datetime as dt

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.customer_payments.models import Access, CustomerPaymentSettings
from apps.customer_payments.services.changing import access_of, change
from apps.customer_payments.services.facts import RUNNING, lock_case
from apps.recovery.models import RecoveryCase
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction

TAKEN = ("banner", "limited", "revoked")
RETURNED = "access_revoked_after_return"

RETURNS_WITHIN = dt.timedelta(days=180)
"""How long after a recovery a refund or dispute may take access; disputes take months."""


def sweep(*, now: dt.datetime, limit: int = 200) -> int:
    """Give access back after later payments, and take it after refunds; give how many changed."""
    return _later_payments(now=now, limit=limit) + _returns(now=now, limit=limit)


def _later_payments(*, now: dt.datetime, limit: int) -> int:
    """Look at subscriptions that run and are paid although their access was taken."""
    theirs = {
        "merchant_id": OuterRef("merchant_id"),
        "stripe_subscription_id": OuterRef("stripe_subscription_id"),
    }
    taken = Access.objects.taken_automatically().filter(
        **theirs, merchant__customer_payment_settings__grant_on_success=True
    )
    owed = RecoveryCase.objects.open().filter(**theirs)
    rows = (
        Subscription.objects.filter(status__in=RUNNING, access__in=TAKEN)
        .filter(Exists(taken), ~Exists(owed))
        .order_by("id")[:limit]
    )
    return sum(_give_back(row=row, now=now) for row in rows)


def _give_back(*, row: Subscription, now: dt.datetime) -> int:
    access = (
        Access.objects.taken_automatically()
        .filter(merchant_id=row.merchant_id, stripe_subscription_id=row.stripe_subscription_id)
        .first()
    )
    if access is None or access.revoked_by_case_id is None:
        return 0
    with transaction.atomic(durable=True):
        case = lock_case(access.revoked_by_case_id)
        locked = Access.objects.select_for_update().get(pk=access.pk)
        same_holder = locked.revoked_by_case_id == case.pk
        if not same_holder or case.status == RecoveryCase.Status.OPEN:
            return 0
        cases = RecoveryCase.objects.open().filter(
            merchant_id=row.merchant_id, stripe_subscription_id=row.stripe_subscription_id
        )
        paid = Transaction.objects.filter(
            merchant_id=row.merchant_id,
            stripe_subscription_id=row.stripe_subscription_id,
            invoice_status="paid",
            paid_at__gt=locked.changed_at,
            amount_refunded_minor=0,
            is_disputed=False,
        )
        if cases.exists() or not paid.exists():
            return 0
        locked.revoked_by_case_id = None
        change(
            access=locked,
            state=Access.State.GRANTED,
            reason="A later payment of the subscription succeeded.",
            now=now,
            case=case,
            key=f"access_granted_later:{locked.changed_at.isoformat()}",
        )
    return 1


def _returns(*, now: dt.datetime, limit: int) -> int:
    """Look at recovered payments that were refunded or disputed, where the merchant chose so."""
    chosen = CustomerPaymentSettings.objects.filter(
        after_return=CustomerPaymentSettings.AfterReturn.REVOKE, returns_since__isnull=False
    )
    return sum(_returns_of(settings=one, now=now, limit=limit) for one in chosen)


def _returns_of(*, settings: CustomerPaymentSettings, now: dt.datetime, limit: int) -> int:
    returned = Transaction.objects.filter(
        merchant_id=settings.merchant_id,
        status__in=(Transaction.Status.REFUNDED, Transaction.Status.DISPUTED),
        case_id__isnull=False,
        paid_at__gt=now - RETURNS_WITHIN,
    )
    cases = RecoveryCase.objects.filter(
        pk__in=returned.values("case_id"),
        merchant_id=settings.merchant_id,
        status=RecoveryCase.Status.RECOVERED,
        source=RecoveryCase.Source.LIVE,
        closed_at__gte=settings.returns_since,
    ).exclude(events__key=RETURNED)
    found = list(cases.order_by("id").values_list("pk", flat=True)[:limit])
    return sum(_take_after_return(case_id=case_id, now=now) for case_id in found)


def _take_after_return(*, case_id: int, now: dt.datetime) -> int:
    with transaction.atomic(durable=True):
        case = lock_case(case_id)
        if (
            case.status != RecoveryCase.Status.RECOVERED
            or case.events.filter(key=RETURNED).exists()
        ):
            return 0
        access = access_of(case=case, now=now)
        if access.state == Access.State.REVOKED:
            return 0
        access.revoked_by_case_id = case.pk
        change(
            access=access,
            state=Access.State.REVOKED,
            reason="The recovered payment was refunded or disputed.",
            now=now,
            case=case,
            key=RETURNED,
        )
    return 1
