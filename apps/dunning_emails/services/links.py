"""Make, find and revoke payment links."""

import datetime as dt
import hashlib
import secrets

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.dunning_emails.models import PaymentLink
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event

TOKEN_BYTES = 16
USES_PER_MINUTE = 30
"""Each look may cost two calls to Stripe; a person needs a handful."""


def make_link(*, case: RecoveryCase, by: str, now: dt.datetime) -> str:
    """Make a link and give back its address, which is stored nowhere."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    PaymentLink.objects.create(
        merchant_id=case.merchant_id,
        case=case,
        token_hash=hash_of(token),
        made_by=by,
        created_at=now,
    )
    return f"{settings.PUBLIC_URL}{reverse('pay:link', args=[token])}"


def hash_of(token: str) -> str:
    """Hash a token; it is random and long, so that no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_link(*, token: str) -> PaymentLink | None:
    """Find a link, valid or not, with its case and merchant. One indexed query."""
    return (
        PaymentLink.objects.filter(token_hash=hash_of(token))
        .select_related("case", "merchant")
        .first()
    )


def admit(*, link: PaymentLink) -> bool:
    """Count one use in the present minute of real time; False when there were too many."""
    real = timezone.now()
    rows = PaymentLink.objects.filter(pk=link.pk)
    is_old = Q(window_started_at=None) | Q(window_started_at__lt=real - dt.timedelta(minutes=1))
    if rows.filter(is_old).update(window_started_at=real, window_uses=1):
        return True
    return bool(
        rows.filter(window_uses__lt=USES_PER_MINUTE).update(window_uses=F("window_uses") + 1)
    )


def revoke_links(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> int:
    """End every link of a case; give back how many were valid.

    Raises:
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = RecoveryCase.objects.for_merchant(merchant).select_for_update().get(pk=case_id)
        count = PaymentLink.objects.filter(case=case, revoked_at=None).update(revoked_at=now)
        if count:
            append_event(
                case=case,
                kind=CaseEvent.Kind.LINK_REVOKED,
                key=f"links_revoked:{now.isoformat()}",
                at=now,
                text="The payment links sent so far no longer work.",
                actor=user.email,
            )
            record_audit(
                merchant=merchant,
                user=user,
                action="case.revoke_links",
                subject=case.stripe_invoice_id,
                at=now,
                after={"links": count},
            )
    return count
