"""Read every dirty object once: lease it, ask Stripe, project the answer, clear the mark.

No transaction is open over a call. A crash in between leaves the row; its lease ends and it is
read again.
"""

import datetime as dt
import logging
import time
from collections import Counter
from dataclasses import dataclass

from django.db.models import (
    Case,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Min,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.functions import Now, RowNumber

from apps.logs import redact
from apps.stripe_gateway.errors import AccessDenied, Busy, GatewayError, NotFound, OutcomeUnknown
from apps.webhooks.models import DirtyObject
from apps.webhooks.services.marking import BATCH as TAKEN_AT_ONCE
from apps.webhooks.services.marking import take_in
from apps.webhooks.services.projecting import read_and_project

logger = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=5)
"""Longer than the calls of one object can take together, repeats of the library included."""

FIRST_WAIT = 5.0
LONGEST_WAIT = 900.0
"""Seconds before a failed read is repeated: doubled each time, up to the longest."""

TRIES_BEFORE_PARKING = 8
"""Failed reads of one object that are not Stripe's fault; then it waits for a person."""

FAILURES_IN_A_ROW = 3
REST = dt.timedelta(seconds=30)
"""After so many unanswered reads of one merchant all their objects rest; new events may probe."""

BATCH = 50
BATCHES_BEFORE_READING = 25
SOON = 10.0
"""Seconds; what becomes ready within them is worth waking a worker for."""

Kind = DirtyObject.Kind

# What changes a decision comes first; a charge comes after the invoices that may already show it.
# A card just given comes last: it may belong to the same offer bought anew, which stops the case.
PRIORITY = (Kind.PAYMENT_METHOD, Kind.INVOICE, Kind.CHARGE, Kind.PAYMENT_INTENT, Kind.SUBSCRIPTION)


@dataclass(frozen=True, slots=True)
class Drained:
    """What one run did. `again_in` is in seconds: when the next run has something to do soon."""

    events: int = 0
    objects: int = 0
    failures: int = 0
    again_in: float | None = None


def drain(*, now: dt.datetime, seconds: float = 20.0, at_once: bool = False) -> Drained:
    """Take in waiting events and read what they marked, until nothing is left or time is up.

    `now` is business time at the start; it moves on while the run lasts. `at_once` does not wait
    for the companions of a charge that names no invoice, which may cost a call or two more.
    """
    started = time.monotonic()
    events = objects = failures = 0
    in_a_row: Counter[int] = Counter()
    while (spent := time.monotonic() - started) < seconds:
        moment = now + dt.timedelta(seconds=spent)
        taken = _take_in_all(now=moment)
        read = read_dirty(now=moment, at_once=at_once, in_a_row=in_a_row, seconds=seconds - spent)
        events += taken
        objects += read.objects
        failures += read.failures
        if not taken and not read.objects and not read.failures:
            return Drained(events, objects, failures, _again_in(at_once=at_once))
    return Drained(events, objects, failures, again_in=0.0)


def _take_in_all(*, now: dt.datetime) -> int:
    """Take in what waits before anything is read: the more is known, the fewer reads it takes."""
    events = 0
    for _ in range(BATCHES_BEFORE_READING):
        taken = take_in(now=now)
        events += taken
        if taken < TAKEN_AT_ONCE:
            break
    return events


def read_dirty(
    *,
    now: dt.datetime,
    limit: int = BATCH,
    at_once: bool = False,
    in_a_row: Counter[int] | None = None,
    seconds: float = 20.0,
) -> Drained:
    """Read up to `limit` dirty objects, the merchants in turn, each object by one worker only.

    `in_a_row` counts unanswered reads per merchant over several calls: a merchant whose reads
    keep failing is left alone, so that a cold Stripe is not stormed and delays nobody else.
    """
    started = time.monotonic()
    in_a_row = Counter() if in_a_row is None else in_a_row
    objects = failures = 0
    for object_id, merchant_id in _candidates(limit=limit, at_once=at_once, without=in_a_row):
        spent = time.monotonic() - started
        if spent > seconds:
            break
        if in_a_row[merchant_id] >= FAILURES_IN_A_ROW:
            continue
        row = _lease(object_id, at_once=at_once)
        if row is None:
            continue
        try:
            read_and_project(row=row, now=now + dt.timedelta(seconds=spent))
        except NotFound as error:
            # Deleted at Stripe, or never there: nothing is left to show.
            logger.info("%s is gone: %s", row, error)
        except Exception as error:  # noqa: BLE001 - one object that fails delays no other
            failures += 1
            _put_back(row, error)
            if isinstance(error, OutcomeUnknown | Busy | AccessDenied):
                in_a_row[merchant_id] += 1
                if in_a_row[merchant_id] == FAILURES_IN_A_ROW:
                    _let_rest(merchant_id)
            continue
        _clear(row)
        in_a_row[merchant_id] = 0
        objects += 1
    return Drained(objects=objects, failures=failures)


def _ready(*, at_once: bool) -> QuerySet[DirtyObject]:
    objects = DirtyObject.objects
    return objects.ready_at_once() if at_once else objects.ready()


def _candidates(*, limit: int, at_once: bool, without: Counter[int]) -> list[tuple[int, int]]:
    """Choose what to read next: one object of each merchant, then the next of each."""
    resting = [merchant for merchant, number in without.items() if number >= FAILURES_IN_A_ROW]
    turn = Window(
        RowNumber(),
        partition_by=F("merchant_id"),
        order_by=[_priority(), F("not_before"), F("id")],
    )
    rows = _ready(at_once=at_once).exclude(merchant_id__in=resting).annotate(turn=turn)
    return list(rows.order_by("turn", "merchant_id").values_list("pk", "merchant_id")[:limit])


def _priority() -> Case:
    ranks = [When(kind=kind, then=Value(rank)) for rank, kind in enumerate(PRIORITY, start=1)]
    return Case(
        When(hint__has_any_keys=["given", "default_changed"], then=Value(len(PRIORITY) + 2)),
        When(hint__has_key="method_changed", then=Value(0)),
        *ranks,
        default=Value(len(PRIORITY) + 1),
        output_field=IntegerField(),
    )


def _lease(object_id: int, *, at_once: bool) -> DirtyObject | None:
    """Take an object for this worker. None: another was first, or it was cleared meanwhile."""
    mine = _ready(at_once=at_once).filter(pk=object_id)
    if not mine.update(lease_until=Now() + LEASE):
        return None
    return (
        DirtyObject.objects.filter(pk=object_id)
        .select_related("merchant")
        .annotate(leased_at=Now())
        .first()
    )


def _clear(row: DirtyObject) -> None:
    """Forget a mark that was read; one that was set again during the read stays, unleased."""
    ours = DirtyObject.objects.filter(pk=row.pk, lease_until=row.lease_until)
    if not ours.filter(mark=row.mark).delete()[0]:
        ours.update(lease_until=None, failures=0, error="", not_before=Now())


def _put_back(row: DirtyObject, error: Exception) -> None:
    """Keep a failed read for later: soon if Stripe did not answer, for a person if it is ours."""
    words = str(error) if isinstance(error, GatewayError) else redact(repr(error))
    failures = min(row.failures + 1, 1000)
    changes: dict[str, object] = {
        "lease_until": None,
        "failures": failures,
        "error": words.replace("\x00", "")[:1000],
    }
    transient = isinstance(error, OutcomeUnknown | Busy | AccessDenied)
    if not transient and failures >= TRIES_BEFORE_PARKING:
        changes["not_before"] = DirtyObject.PARKED
        logger.error("%s cannot be read: %s", row, words)
    else:
        wait = min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT)
        if isinstance(error, Busy):
            wait = max(error.retry_after, 1.0)
        changes["not_before"] = Now() + dt.timedelta(seconds=wait)
        logger.warning("%s was not read, again in %.0f s: %s", row, wait, words)
    if not transient:
        logger.debug("The failed read in full", exc_info=error)
    DirtyObject.objects.filter(pk=row.pk, lease_until=row.lease_until).update(**changes)


def _let_rest(merchant_id: int) -> None:
    """Put off everything of a merchant whose reads go unanswered."""
    _ready(at_once=False).filter(merchant_id=merchant_id).update(not_before=Now() + REST)


def _again_in(*, at_once: bool) -> float | None:
    """Say in how many seconds another object becomes ready, if it is soon."""
    if at_once:
        return None
    wait = ExpressionWrapper(F("not_before") - Now(), output_field=DurationField())
    soonest: dt.timedelta | None = (
        DirtyObject.objects.unleased()
        .filter(not_before__lte=Now() + dt.timedelta(seconds=SOON))
        .aggregate(wait=Min(wait))["wait"]
    )
    return None if soonest is None else max(0.0, soonest.total_seconds())
