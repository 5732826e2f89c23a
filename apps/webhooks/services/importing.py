"""Bring a merchant's history in from Stripe, page by page, in silence.

Silent: no mail, revoke, grant, charge, takeover or outgoing event. A page is one list call; what
it says is stored before its cursor moves, so that an import may be killed at any moment and goes
on where it stopped. What live events wrote meanwhile is newer and stays.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from apps.accounts.models import Merchant
from apps.stripe_gateway.errors import BadRequest, Busy, GatewayError, NotFound, OutcomeUnknown
from apps.webhooks.models import ImportCursor, ImportRun
from apps.webhooks.pace import Pace
from apps.webhooks.services.import_pages import PAGES

logger = logging.getLogger(__name__)

DENIED_WAIT = 900.0
"""Seconds before Stripe is asked again after it refused: somebody must change something first."""

LOCK = 0x696D70
"""The first half of the advisory locks that keep two workers off one merchant's import."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one stretch of an import did.

    `again_in` is in seconds: when to go on; None when the import is finished or in other hands.
    `error` is why Stripe gave no answer, in words.
    """

    pages: int = 0
    again_in: float | None = None
    error: str = ""


def start_import(
    *, merchant: Merchant, now: dt.datetime, since: dt.datetime | None = None
) -> ImportRun:
    """Begin an import, or give the unfinished one, which keeps its own `since`.

    Raises:
        ValueError: the merchant is not connected to Stripe.
    """
    if not merchant.stripe_account_id:
        raise ValueError(f"{merchant} is not connected to Stripe; run connect_stripe first.")
    run, _ = ImportRun.objects.get_or_create(
        merchant=merchant,
        finished_at=None,
        defaults={"since": since, "started_at": now, "worked_at": timezone.now()},
    )
    return run


def go_on(*, run_id: int, now: dt.datetime, pace: Pace, seconds: float) -> Step:
    """Import for about so many seconds of real time; at least one page."""
    run = ImportRun.objects.select_related("merchant").get(pk=run_id)
    with _alone(run) as is_ours:
        if not is_ours:
            return Step()
        run.refresh_from_db(fields=["finished_at", "phase"])
        return _work(run, now=now, pace=pace, seconds=seconds)


def go_on_with_all(*, now: dt.datetime, pace: Pace, seconds: float) -> float | None:
    """Give every unfinished import a stretch; answers in how many seconds to come again."""
    waits = [
        step.again_in
        for run_id in ImportRun.objects.unfinished().values_list("pk", flat=True)
        if (step := go_on(run_id=run_id, now=now, pace=pace, seconds=seconds)).again_in is not None
    ]
    return min((wait for wait in waits if wait is not None), default=None)


def _work(run: ImportRun, *, now: dt.datetime, pace: Pace, seconds: float) -> Step:
    started = time.monotonic()
    pages = 0
    while run.finished_at is None:
        spent = time.monotonic() - started
        if pages and spent >= seconds:
            return Step(pages, again_in=0.0)
        moment = now + dt.timedelta(seconds=spent)
        cursor, _ = ImportCursor.objects.get_or_create(run=run, phase=run.phase)
        if cursor.is_finished:
            _next_phase(run, moment)
            continue
        try:
            PAGES[ImportRun.Phase(run.phase)](run, cursor, moment, pace)
        except (NotFound, BadRequest) as error:
            if not cursor.after:
                return _waiting(run, error, pages, pace)
            # The object where the last page ended is gone: the phase begins again, what is
            # stored already is passed over.
            ImportCursor.objects.filter(pk=cursor.pk).update(after="", done=0)
        except GatewayError as error:
            return _waiting(run, error, pages, pace)
        pages += 1
        pace.answered()
        _note(run)
    return Step(pages)


def _waiting(run: ImportRun, error: GatewayError, pages: int, pace: Pace) -> Step:
    """Keep why an import cannot go on now, and when to ask again: soon if Stripe was only busy."""
    logger.warning("%s waits: %s", run, error)
    _note(run, str(error))
    return Step(pages, again_in=_wait_after(error, pace), error=str(error))


def _wait_after(error: GatewayError, pace: Pace) -> float:
    if isinstance(error, Busy):
        return pace.refused(error.retry_after)
    return pace.refused() if isinstance(error, OutcomeUnknown) else DENIED_WAIT


def _note(run: ImportRun, error: str = "") -> None:
    run.error, run.worked_at = error.replace("\x00", "")[:1000], timezone.now()
    run.save(update_fields=["error", "worked_at", "phase", "finished_at"])


def _next_phase(run: ImportRun, now: dt.datetime) -> None:
    phases = list(ImportRun.Phase)
    position = phases.index(ImportRun.Phase(run.phase)) + 1
    if position < len(phases):
        run.phase = phases[position]
    else:
        run.finished_at = now
        run.shelf.all().delete()
    _note(run)


@contextmanager
def _alone(run: ImportRun) -> Iterator[bool]:
    """Keep other workers off this merchant's import; a killed worker's lock ends with it."""
    keys = [LOCK, run.merchant_id]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        (is_ours,) = cursor.fetchone()
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)
