"""The same for many cases: asked for once, carried out one by one, each with its own result."""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.recovery.extras import bulk_act
from apps.recovery.models import Attempt, BulkItem, BulkRun, RecoveryCase
from apps.recovery.queries.tabs import NEEDS_BANK, NEEDS_CARD
from apps.recovery.services.attempts import carry_out
from apps.recovery.services.manual import NotNow, retry_now, stop_case
from apps.recovery.services.writing_off import mark_uncollectible

MOST_CASES = 500
"""More would take too long to be what somebody meant by "now"."""

GOOD_FOR = dt.timedelta(hours=1)
"""Real time after which what has not begun is left alone: nobody expects it any more."""

IDLE = dt.timedelta(seconds=60)
"""Real time without progress after which another worker may go on."""

SLICE = dt.timedelta(seconds=10)
"""How long one task works before it lets due charges pass."""

Status, Verb = BulkItem.Status, BulkRun.Verb


class CountChanged(Exception):
    """What can be acted on is not what was confirmed; `count` is what it is now."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} now")
        self.count = count


def actionable(*, merchant: Merchant, verb: str, case_ids: Sequence[int]) -> list[RecoveryCase]:
    """Return those of some cases that a verb may be asked for, most recent first; one query.

    For a retry those are left out that wait for the customer, and those with a charge under way.
    Each is checked again, with a fresh read, right before its charge.
    """
    rows = (
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .filter(pk__in=list(case_ids)[:MOST_CASES])
        .exclude(Exists(Attempt.objects.unsettled().filter(case=OuterRef("pk"))))
    )
    if verb == Verb.RETRY:
        rows = rows.exclude(NEEDS_CARD | NEEDS_BANK)
    return list(rows.order_by("-failed_at", "-id"))


def start_bulk(
    *,
    merchant: Merchant,
    verb: str,
    case_ids: Sequence[int],
    confirmed: int,
    key: uuid.UUID,
    user: User,
    now: dt.datetime,
) -> BulkRun:
    """Keep what a person asked for many cases; `run_bulk` carries it out. The same key: one run.

    Raises:
        CountChanged: it is not `confirmed` cases any more; nothing was kept.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        known = BulkRun.objects.for_merchant(merchant).filter(key=key).first()
        if known is not None:
            return known
        cases = actionable(merchant=merchant, verb=verb, case_ids=case_ids)
        if len(cases) != confirmed or not cases:
            raise CountChanged(len(cases))
        run = BulkRun.objects.create(
            merchant=merchant,
            verb=verb,
            key=key,
            user=user,
            asked_at=now,
            good_until=timezone.now() + GOOD_FOR,
            moved_at=timezone.now(),
        )
        BulkItem.objects.bulk_create([BulkItem(run=run, case=case) for case in cases])
        record_audit(
            merchant=merchant,
            user=user,
            action=f"case.bulk_{verb}",
            at=now,
            after={"cases": len(cases)},
        )
    return run


def run_bulk(*, run_id: int, clock_now: Callable[[], dt.datetime]) -> bool:
    """Carry out what waits of a run, for SLICE; True if more is left.

    Safe to call twice and from two workers: an item is taken by a conditional update. An item whose
    worker died keeps its attempt, which the settling job brings to its end like any other.
    """
    run = BulkRun.objects.select_related("merchant", "user").get(pk=run_id)
    begun = time.monotonic()
    while time.monotonic() - begun < SLICE.total_seconds():
        item = run.items.filter(status=Status.WAITING).order_by("id").first()
        if item is None:
            return False
        BulkRun.objects.filter(pk=run_id).update(moved_at=timezone.now())
        if timezone.now() > run.good_until:
            run.items.filter(status=Status.WAITING).update(
                status=Status.REFUSED, text="Not done: it had waited for more than an hour."
            )
            return False
        if run.items.filter(pk=item.pk, status=Status.WAITING).update(status=Status.WORKING):
            _do(run=run, item=item, now=clock_now())
    return run.items.filter(status=Status.WAITING).exists()


def idle_runs() -> list[int]:
    """Give the ids of runs that wait for a worker: the broker was away, or one died."""
    waiting = BulkItem.objects.filter(run=OuterRef("pk"), status=Status.WAITING)
    return list(
        BulkRun.objects.filter(Exists(waiting), moved_at__lt=timezone.now() - IDLE).values_list(
            "pk", flat=True
        )
    )


def _do(*, run: BulkRun, item: BulkItem, now: dt.datetime) -> None:
    merchant, case_id, user = run.merchant, item.case_id, run.user
    try:
        if run.verb == Verb.STOP:
            stop_case(merchant=merchant, case_id=case_id, user=user, now=now)
        elif run.verb == Verb.LOSE:
            # The confirmation of the run said what speaks against it, and asked for a tick.
            mark_uncollectible(
                merchant=merchant, case_id=case_id, user=user, despite_warnings=True, now=now
            )
        elif run.verb == Verb.REMIND:
            bulk_act(run.verb)(merchant=merchant, case_id=case_id, user=user, now=now)
        else:
            started = retry_now(merchant=merchant, case_id=case_id, user=user, now=now)
            BulkItem.objects.filter(pk=item.pk).update(attempt_id=started.attempt_id)
            carry_out(attempt_id=started.attempt_id, now=now)
    except NotNow as why:
        BulkItem.objects.filter(pk=item.pk).update(status=Status.REFUSED, text=str(why)[:300])
    else:
        BulkItem.objects.filter(pk=item.pk).update(status=Status.DONE)
