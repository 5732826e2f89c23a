"""Endpoints of a merchant: added, changed, rotated, switched off and on."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.integrations.addresses import target_of
from apps.integrations.models import Delivery, WebhookEndpoint
from apps.integrations.secrets import signing_secret

OVERLAP = dt.timedelta(hours=24)
"""How long after a rotation events are signed with the secret before as well."""

MOST_ENDPOINTS = 10


class NotNow(Exception):
    """The action is not possible in the present state; the text says why."""


def add_endpoint(
    *, merchant: Merchant, url: str, events: Sequence[str], user: User, now: dt.datetime
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint and give it with its secret; this is the only time that anybody sees it.

    Raises:
        Forbidden: we do not send there.
        NotNow: there are too many already.
    """
    target_of(url)
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        if WebhookEndpoint.objects.for_merchant(merchant).active().count() >= MOST_ENDPOINTS:
            raise NotNow(f"There are {MOST_ENDPOINTS} endpoints already. Disable one first.")
        endpoint = WebhookEndpoint.objects.create(
            merchant=merchant,
            url=url,
            events=list(events),
            created_at=now,
            created_by=user.email,
        )
        _audit(endpoint, user, "webhook_endpoint.add", now, url=url, events=list(events))
    return endpoint, signing_secret(endpoint_id=endpoint.pk, number=1)


def change_endpoint(
    *,
    merchant: Merchant,
    endpoint_id: int,
    url: str,
    events: Sequence[str],
    user: User,
    now: dt.datetime,
) -> WebhookEndpoint:
    """Change where an endpoint is and what it gets; events under way go to the new address.

    Raises:
        Forbidden: we do not send there.
        WebhookEndpoint.DoesNotExist: this merchant has no such endpoint.
    """
    target_of(url)
    with transaction.atomic(durable=True):
        endpoint = _lock(merchant, endpoint_id)
        endpoint.url, endpoint.events = url, list(events)
        endpoint.save(update_fields=["url", "events"])
        _audit(endpoint, user, "webhook_endpoint.change", now, url=url, events=list(events))
    return endpoint


def rotate_secret(*, merchant: Merchant, endpoint_id: int, user: User, now: dt.datetime) -> str:
    """Give an endpoint a new secret and give it back; the one before signs along for a day.

    Raises:
        WebhookEndpoint.DoesNotExist: this merchant has no such endpoint.
    """
    with transaction.atomic(durable=True):
        endpoint = _lock(merchant, endpoint_id)
        endpoint.secret_number += 1
        # Real time, as in the signature: the receiver's clock is not ours to move.
        endpoint.old_secret_until = timezone.now() + OVERLAP
        endpoint.save(update_fields=["secret_number", "old_secret_until"])
        _audit(endpoint, user, "webhook_endpoint.rotate", now, number=endpoint.secret_number)
    return signing_secret(endpoint_id=endpoint.pk, number=endpoint.secret_number)


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Give the secrets that sign at this moment, the newest first."""
    numbers = [endpoint.secret_number]
    if endpoint.old_secret_until is not None and timezone.now() < endpoint.old_secret_until:
        numbers.append(endpoint.secret_number - 1)
    return [signing_secret(endpoint_id=endpoint.pk, number=number) for number in numbers]


def disable(*, merchant: Merchant, endpoint_id: int, user: User, now: dt.datetime) -> None:
    """Send nothing more to an endpoint; what waits for it is dropped.

    Raises:
        WebhookEndpoint.DoesNotExist: this merchant has no such endpoint.
    """
    with transaction.atomic(durable=True):
        endpoint = _lock(merchant, endpoint_id)
        if endpoint.disabled_at is None:
            switch_off(endpoint, by=user.email, why="Switched off.", now=now)
            _audit(endpoint, user, "webhook_endpoint.disable", now)


def enable(*, merchant: Merchant, endpoint_id: int, user: User, now: dt.datetime) -> None:
    """Send to an endpoint again, from now on. What it missed may be replayed by hand.

    Raises:
        WebhookEndpoint.DoesNotExist: this merchant has no such endpoint.
    """
    with transaction.atomic(durable=True):
        endpoint = _lock(merchant, endpoint_id)
        endpoint.disabled_at, endpoint.failing_since = None, None
        endpoint.disabled_by = endpoint.disabled_why = ""
        endpoint.save()
        _audit(endpoint, user, "webhook_endpoint.enable", now)


def switch_off(endpoint: WebhookEndpoint, *, by: str, why: str, now: dt.datetime) -> None:
    """Disable a locked endpoint and let go of what waits for it."""
    endpoint.disabled_at, endpoint.disabled_by, endpoint.disabled_why = now, by, why[:300]
    endpoint.save()
    endpoint.deliveries.filter(status=Delivery.Status.PENDING).update(
        status=Delivery.Status.CANCELED, settled_at=now, lease_until=None
    )


def _lock(merchant: Merchant, endpoint_id: int) -> WebhookEndpoint:
    return (
        WebhookEndpoint.objects.for_merchant(merchant)
        .select_for_update(of=("self",))
        .select_related("merchant")
        .get(pk=endpoint_id)
    )


def _audit(
    endpoint: WebhookEndpoint, user: User, action: str, now: dt.datetime, **after: object
) -> None:
    record_audit(
        merchant=endpoint.merchant,
        user=user,
        action=action,
        at=now,
        subject=endpoint.url[:255],
        after=after,
    )
