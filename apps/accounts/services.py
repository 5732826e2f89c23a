"""Writes to merchants, memberships and the audit trail."""

import datetime as dt

from apps.accounts.models import AuditEntry, Merchant, User


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
