"""The calendar feed of one person: a secret address, of which only a hash is kept."""

import datetime as dt
import hashlib
import secrets

from django.db import transaction

from apps.accounts.models import Membership
from apps.accounts.services import record_audit
from apps.recovery.models import CalendarFeed


def open_feed(*, membership: Membership, now: dt.datetime) -> str:
    """Give a person a new secret address; the one before stops working. Answers its token."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic(durable=True):
        CalendarFeed.objects.update_or_create(
            membership=membership, defaults={"token_hash": hash_of(token), "created_at": now}
        )
        _audit(membership, "calendar_feed.open", now)
    return token


def close_feed(*, membership: Membership, now: dt.datetime) -> None:
    """Make a person's address stop working; without one nothing happens."""
    with transaction.atomic(durable=True):
        gone, _kinds = CalendarFeed.objects.filter(membership=membership).delete()
        if gone:
            _audit(membership, "calendar_feed.close", now)


def membership_of(token: str) -> Membership | None:
    """Return whose feed a token opens; None for a wrong one, and for people who may not sign in."""
    found = (
        CalendarFeed.objects.filter(token_hash=hash_of(token), membership__user__is_active=True)
        .select_related("membership__merchant")
        .first()
    )
    return found.membership if found else None


def hash_of(token: str) -> str:
    """Return what is stored of a token: it is long and random, so a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def _audit(membership: Membership, action: str, now: dt.datetime) -> None:
    record_audit(merchant=membership.merchant, user=membership.user, action=action, at=now)
