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

ASK_AGAIN = dt.timedelta(hours=24)
"""How soon a new link may be asked for once more."""


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


def ask_for_new_link(*, link: PaymentLink, now: dt.datetime) -> bool:
    """Tell the merchant that the customer wants a new link, once a day; False the other times.

    A link that was taken back, or has run out, shows nothing of the payment any more.
    """
    asked = PaymentLink.objects.filter(pk=link.pk).filter(
        Q(asked_again_at=None) | Q(asked_again_at__lt=now - ASK_AGAIN)
    )
    with transaction.atomic(durable=True):
        if not asked.update(asked_again_at=now):
            return False
        case = RecoveryCase.objects.select_for_update().get(pk=link.case_id)
        append_event(
            case=case,
            kind=CaseEvent.Kind.LINK_ASKED,
            key=f"link_asked:{link.pk}:{now:%Y-%m-%d}",
            at=now,
            text="The customer opened a link that no longer works and asked for a new one.",
            actor="Customer",
        )
    return True
