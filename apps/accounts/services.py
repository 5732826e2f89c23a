"""Writes to merchants, memberships and the audit trail."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import AuditEntry, Membership, Merchant, Role, User


class EmailTaken(ValueError):
    """A user with this email exists already."""


def record_audit(
    *,
    merchant: Merchant,
    user: User | None,
    action: str,
    at: dt.datetime,
    subject: str = "",
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> AuditEntry:
    """Append one entry; call it inside the transaction that makes the change."""
    return AuditEntry.objects.create(
        merchant=merchant,
        user=user,
        actor=user.email if user else "Recoup",
        action=action,
        subject=subject,
        before=before or {},
        after=after or {},
        at=at,
    )


@transaction.atomic(durable=True)
def create_merchant(
    *, name: str, email: str, password: str, stripe_account_id: str = "", livemode: bool = False
) -> Membership:
    """Make a merchant and its owner, a new user.

    Raises:
        EmailTaken: the email belongs to somebody; nothing was made.
    """
    address = email.strip().lower()
    if User.objects.filter(email=address).exists():
        raise EmailTaken(address)
    merchant = Merchant.objects.create(
        name=name.strip(), stripe_account_id=stripe_account_id, livemode=livemode
    )
    user = User.objects.create_user(address, password)
    return Membership.objects.create(merchant=merchant, user=user, role=Role.OWNER)
