"""Find the events that never arrived: list them at Stripe and keep the missing ones."""

import datetime as dt
import json
import logging
from itertools import islice

from apps.accounts.models import Merchant
from apps.accounts.services import note_refused
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import AccessDenied, GatewayError
from apps.stripe_gateway.event_types import EVENT_TYPES
from apps.webhooks.models import InboxEvent, SweepCursor
from apps.webhooks.services.inbox import keep, row_of

logger = logging.getLogger(__name__)

OVERLAP = dt.timedelta(minutes=15)
"""Read again each time: an event may become listable a little after its `created`."""

FIRST_LOOK_BACK = dt.timedelta(days=1)
LONGEST_LOOK_BACK = dt.timedelta(days=30)
"""Stripe lists events for 30 days. Source: https://docs.stripe.com/api/events"""

BATCH = 500


def sweep_events(*, now: dt.datetime) -> int:
    """Put events into the inbox that were never delivered; answer how many there were.

    Each merchant has a cursor of its own, moved on only after everything listed was kept: a
    failing account is asked again the next time and holds up no other.
    """
    found = 0
    for merchant in Merchant.objects.exclude(stripe_account_id="").order_by("id"):
        try:
            found += sweep_merchant(merchant=merchant, now=now)
        except GatewayError as error:
            logger.warning("The events of %s were not listed: %s", merchant, error)
            if isinstance(error, AccessDenied):
                _note_refusal(merchant, now=now)
    return found


def sweep_merchant(*, merchant: Merchant, now: dt.datetime) -> int:
    """Sweep one merchant's events up to `now`, business time, and answer how many were missing.

    Raises:
        GatewayError: Stripe did not answer; the cursor stays where it was.
    """
    cursor = SweepCursor.objects.filter(merchant=merchant).first()
    since = cursor.swept_until - OVERLAP if cursor else now - FIRST_LOOK_BACK
    since = max(since, now - LONGEST_LOOK_BACK)
    # As the webhook names it: only a connected account's events carry an account.
    account_id = merchant.stripe_account_id if merchant.is_connected else ""
    listed = gateway.list_events(account=merchant, since=since, types=EVENT_TYPES)
    found = 0
    while batch := list(islice(listed, BATCH)):
        rows = [
            row_of(
                body=json.dumps(event).encode(),
                now=now,
                account_id=account_id,
                from_sweep=True,
            )
            for event in batch
        ]
        known = set(
            InboxEvent.objects.filter(
                stripe_account_id=account_id,
                stripe_event_id__in=[row.stripe_event_id for row in rows],
            ).values_list("stripe_event_id", flat=True)
        )
        missing = [row for row in rows if row.stripe_event_id not in known]
        keep(missing)
        found += len(missing)
    SweepCursor.objects.update_or_create(
        merchant=merchant, defaults={"swept_until": now, "refused_at": None}
    )
    note_refused(merchant=merchant, refused=False, now=now)
    return found


def _note_refusal(merchant: Merchant, *, now: dt.datetime) -> None:
    """Note since when Stripe refuses our key; the cursor stays where it was."""
    SweepCursor.objects.get_or_create(
        merchant=merchant, defaults={"swept_until": now - FIRST_LOOK_BACK + OVERLAP}
    )
    SweepCursor.objects.filter(merchant=merchant, refused_at=None).update(refused_at=now)
    note_refused(merchant=merchant, refused=True, now=now)
