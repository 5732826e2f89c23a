"""The inbox: every verified event is kept before it is answered, and can be taken in again."""

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.stripe_gateway.facts import EventHint
from apps.stripe_gateway.readers import event_hint
from apps.webhooks.models import DirtyObject, InboxEvent

CLIENT_SECRET = re.compile(rb'("client_secret"\s*:\s*)"(?:[^"\\]|\\.)*"')
"""In every event about a payment or setup intent; we act by our key and never need it."""


def receive(*, body: bytes, now: dt.datetime) -> None:
    """Keep one verified body: one insert, which an event that is here already does not repeat.

    A body nobody can read is quarantined as it came, under its own hash where it names no id.
    """
    keep([row_of(body=body, now=now)])


def keep(rows: Iterable[InboxEvent]) -> None:
    """Insert events, leaving those alone that are here already."""
    InboxEvent.objects.bulk_create(rows, ignore_conflicts=True)


def row_of(
    *, body: bytes, now: dt.datetime, account_id: str | None = None, from_sweep: bool = False
) -> InboxEvent:
    """Build the inbox row of a body; `account_id` overrides what the body says."""
    row = InboxEvent(body=without_secrets(body), received_at=now, from_sweep=from_sweep)
    try:
        hint = event_hint(body)
        row.event_at = hint.created_at
    except Exception as error:  # noqa: BLE001 - whatever it is, the body must not be lost
        row.status = InboxEvent.Status.QUARANTINED
        row.error = clean(f"Unreadable: {error or type(error).__name__}", 1000)
        named = _named_in(body)
        row.stripe_event_id = named.get("id") or f"sha256:{hashlib.sha256(body).hexdigest()}"
        row.stripe_account_id = named.get("account", "")
        row.type = named.get("type", "")
    else:
        row.stripe_event_id = clean(hint.id, 255)
        row.stripe_account_id = clean(hint.account_id, 255)
        row.type = clean(hint.type, 255)
        row.livemode = hint.livemode
    if account_id is not None:
        row.stripe_account_id = account_id
    return row


def hint_of(event: InboxEvent) -> EventHint:
    """Read a kept event again.

    Raises:
        UnreadableAnswer: the body is no event; other errors for other nonsense.
    """
    return event_hint(bytes(event.body))


def replay_events(
    *,
    now: dt.datetime,
    event_ids: Iterable[str] = (),
    quarantined: bool = False,
    since: dt.datetime | None = None,
    of: QuerySet[InboxEvent] | None = None,
) -> int:
    """Put kept events back into the queue and answer how many; at least one choice is needed.

    `event_ids` are Stripe's; `since` counts from when we received them; `of` are those to choose
    from, else everybody's. Bodies stay as they came.

    Raises:
        ValueError: nothing was chosen.
    """
    rows = InboxEvent.objects.all() if of is None else of
    ids = list(event_ids)
    if not (ids or quarantined or since):
        raise ValueError("Choose events by id, by time, or the quarantined ones.")
    if ids:
        rows = rows.filter(stripe_event_id__in=ids)
    if quarantined:
        rows = rows.filter(status=InboxEvent.Status.QUARANTINED)
    if since:
        rows = rows.filter(received_at__gte=since)
    return rows.update(status=InboxEvent.Status.PENDING, error="", done_at=None)


def replay_parked(*, which: QuerySet[DirtyObject] | None = None) -> int:
    """Let objects that could not be read be tried again now; answer how many.

    `which` names them, parked or waiting; without it, all that are parked.
    """
    rows = DirtyObject.objects.parked() if which is None else which
    return rows.update(not_before=Now(), failures=0, error="")


def without_secrets(body: bytes) -> bytes:
    """Blank what would let a reader of the database act for a customer; the rest stays as it is."""
    return CLIENT_SECRET.sub(rb"\1null", body)


def clean(text: str, length: int) -> str:
    """Cut a text to what a column can hold: no NUL, no half of a character pair."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")[:length]


def _named_in(body: bytes) -> Mapping[str, str]:
    """Take id, account and type from a body that is JSON but no event we can read."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, Mapping):
        return {}
    found = {name: event.get(name) for name in ("id", "account", "type")}
    return {name: clean(value, 255) for name, value in found.items() if isinstance(value, str)}
