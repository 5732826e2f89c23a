"""Tokens of the read API: made, shown once, revoked."""

import datetime as dt

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.integrations.models import ApiToken
from apps.integrations.secrets import digest_of, new_token

USED_AGAIN = dt.timedelta(hours=1)
"""How exactly the last use is kept: one write an hour, however often is asked."""


def create_token(*, merchant: Merchant, name: str, user: User, now: dt.datetime) -> str:
    """Make a token and give it back; this is the only time that anybody sees it."""
    token = new_token()
    with transaction.atomic(durable=True):
        ApiToken.objects.create(
            merchant=merchant,
            name=name[:100],
            digest=digest_of(token),
            hint=token[-4:],
            created_at=now,
            created_by=user.email,
        )
        record_audit(
            merchant=merchant, user=user, action="api_token.create", at=now, subject=name[:100]
        )
    return token


def revoke_token(*, merchant: Merchant, token_id: int, user: User, now: dt.datetime) -> bool:
    """Make a token useless from now on; False if it was so already.

    Raises:
        ApiToken.DoesNotExist: this merchant has no such token.
    """
    with transaction.atomic(durable=True):
        token = ApiToken.objects.for_merchant(merchant).select_for_update().get(pk=token_id)
        if token.revoked_at is not None:
            return False
        token.revoked_at, token.revoked_by = now, user.email
        token.save(update_fields=["revoked_at", "revoked_by"])
        record_audit(
            merchant=merchant, user=user, action="api_token.revoke", at=now, subject=token.name
        )
    return True


def note_used(*, token_id: int, now: dt.datetime) -> None:
    """Note that a token was used, at most once an hour."""
    ApiToken.objects.filter(pk=token_id).filter(
        Q(last_used_at=None) | Q(last_used_at__lt=now - USED_AGAIN)
    ).update(last_used_at=now)
