"""Take events from the inbox and mark what they are about."""

import datetime as dt
import json
from collections.abc import Iterable

from django.db import connection, transaction
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.accounts.services import set_attached
from apps.recovery import services as recovery
from apps.stripe_gateway.errors import UnreadableAnswer
from apps.stripe_gateway.facts import EventHint
from apps.webhooks.marks import Mark, marks_of
from apps.webhooks.models import DirtyObject, InboxEvent
from apps.webhooks.services.inbox import clean, hint_of

Kind = DirtyObject.Kind

BATCH = 200

ATTACHING = {
    "account.application.authorized": True,
    "account.application.deauthorized": False,
}
"""Events by which a connected account gives our access or takes it back."""

# A new mark on an object that waits after a failed read does not shorten the wait: a failing
# Stripe would be asked again with every event. One that was parked gets another chance.
UPSERT = """
    INSERT INTO webhooks_dirtyobject AS known
        (merchant_id, kind, stripe_id, hint, mark, marked_at, touched_at, not_before,
         failures, error)
    SELECT merchant_id, kind, stripe_id, hint, 1, %(now)s, clock_timestamp(),
           clock_timestamp() + make_interval(secs => wait), 0, ''
    FROM unnest(%(merchants)s::bigint[], %(kinds)s::text[], %(ids)s::text[], %(hints)s::jsonb[],
                %(waits)s::float8[]) AS marks (merchant_id, kind, stripe_id, hint, wait)
    ON CONFLICT (merchant_id, kind, stripe_id) DO UPDATE SET
        mark = known.mark + 1,
        hint = known.hint || EXCLUDED.hint,
        touched_at = EXCLUDED.touched_at,
        not_before = CASE
            WHEN known.failures = 0 OR known.not_before >= %(parked)s
            THEN LEAST(known.not_before, EXCLUDED.not_before)
            ELSE known.not_before
        END
"""


class _Unassigned(Exception):
    """The event belongs to no merchant; the text says why."""


def take_in(*, now: dt.datetime, limit: int = BATCH) -> int:
    """Turn waiting events into marks, oldest first, and answer how many were taken.

    One transaction and a handful of statements a batch. Workers share the queue without waiting for each
    other; an event that cannot be used is quarantined with the reason and delays nobody.
    """
    with transaction.atomic(durable=True):
        events = list(
            InboxEvent.objects.pending().select_for_update(skip_locked=True).order_by("id")[:limit]
        )
        if not events:
            return 0
        hints = {event.pk: hint for event in events if (hint := _read(event, now))}
        merchants = _merchants_of(events, hints.values())
        marks: dict[tuple[int, str, str], tuple[Merchant, Mark]] = {}
        for event in events:
            if event.pk in hints:
                _take(event, hints[event.pk], merchants, marks, now)
        _upsert(marks.values(), now)
        done = [event.pk for event in events if event.status == InboxEvent.Status.DONE]
        InboxEvent.objects.filter(pk__in=done).update(
            status=InboxEvent.Status.DONE, error="", done_at=now
        )
        for event in events:
            if event.status == InboxEvent.Status.QUARANTINED:
                event.save(update_fields=["status", "error", "done_at"])
    return len(events)


def mark_dirty(*, merchant: Merchant, marks: Iterable[Mark], now: dt.datetime) -> None:
    """Ask for objects to be read again, each once however often it is asked for."""
    _upsert([(merchant, mark) for mark in _merged(marks)], now)


def _read(event: InboxEvent, now: dt.datetime) -> EventHint | None:
    """Read an event's body; one that cannot be read is quarantined and delays no other."""
    try:
        return hint_of(event)
    except Exception as error:  # noqa: BLE001 - whatever it is, the next event must come
        words = str(error) if isinstance(error, UnreadableAnswer) else repr(error)
        _quarantine(event, f"Unreadable: {words}", now)
        return None


def _merchants_of(events: list[InboxEvent], hints: Iterable[EventHint]) -> list[Merchant]:
    """Load the merchants whose accounts are named, and those of the platform's own account."""
    accounts = {event.stripe_account_id for event in events}
    accounts |= {clean(hint.account_id, 255) for hint in hints}
    named = Q(stripe_account_id__in=accounts) | Q(is_connected=False)
    return list(Merchant.objects.filter(named).exclude(stripe_account_id=""))


def mark_due_cases(*, now: dt.datetime) -> int:
    """Have the invoices of open cases read again whose time to decide has come."""
    due = recovery.cases_to_read(now=now)
    _upsert([(case.merchant, Mark(Kind.INVOICE, case.stripe_invoice_id)) for case in due], now)
    return len(due)


def _take(
    event: InboxEvent,
    hint: EventHint,
    merchants: list[Merchant],
    marks: dict[tuple[int, str, str], tuple[Merchant, Mark]],
    now: dt.datetime,
) -> None:
    try:
        merchant = _merchant_of(event, hint, merchants)
    except _Unassigned as problem:
        _quarantine(event, str(problem), now)
        return
    if hint.type in ATTACHING and merchant.is_connected:
        set_attached(merchant=merchant, attached=ATTACHING[hint.type], now=now)
    for mark in marks_of(hint):
        key = (merchant.pk, mark.kind, mark.stripe_id)
        earlier = marks.get(key)
        marks[key] = (merchant, _joined(earlier[1], mark) if earlier else mark)
    event.status = InboxEvent.Status.DONE


def _quarantine(event: InboxEvent, words: str, now: dt.datetime) -> None:
    event.status, event.done_at = InboxEvent.Status.QUARANTINED, now
    event.error = clean(words, 1000)


def _merchant_of(event: InboxEvent, hint: EventHint, merchants: list[Merchant]) -> Merchant:
    """Find whose event it is: the connected account it names, else the platform's own."""
    account = event.stripe_account_id or hint.account_id
    theirs = [
        merchant
        for merchant in merchants
        if (merchant.stripe_account_id == account if account else not merchant.is_connected)
    ]
    name = f"the account {account}" if account else "our own account"
    if not theirs:
        raise _Unassigned(f"No merchant uses {name}.")
    found = [merchant for merchant in theirs if merchant.livemode == hint.livemode]
    if not found:
        mode = "live" if hint.livemode else "test"
        raise _Unassigned(f"A {mode} mode event, but no merchant uses {name} in {mode} mode.")
    if len(found) > 1:
        raise _Unassigned(f"More than one merchant uses {name}.")
    return found[0]


def _merged(marks: Iterable[Mark]) -> list[Mark]:
    found: dict[tuple[str, str], Mark] = {}
    for mark in marks:
        key = (mark.kind, mark.stripe_id)
        found[key] = _joined(found[key], mark) if key in found else mark
    return list(found.values())


def _joined(earlier: Mark, later: Mark) -> Mark:
    return Mark(
        later.kind,
        later.stripe_id,
        {**earlier.hint, **later.hint},
        wait=min(earlier.wait, later.wait),
    )


def _upsert(marks: Iterable[tuple[Merchant, Mark]], now: dt.datetime) -> None:
    """Write marks in one statement, always in the same order so that workers never deadlock."""
    rows = sorted(
        (merchant.pk, mark.kind.value, mark.stripe_id, json.dumps(dict(mark.hint)), mark.wait)
        for merchant, mark in marks
    )
    if not rows:
        return
    merchants, kinds, ids, hints, waits = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            UPSERT,
            {
                "now": now,
                "parked": DirtyObject.PARKED,
                "merchants": list(merchants),
                "kinds": list(kinds),
                "ids": list(ids),
                "hints": list(hints),
                "waits": list(waits),
            },
        )
