"""The time machine: it moves the sandbox's clock and never leaves the product behind.

From one thing that is due to the next, an hour at most, and after each step it works until inbox,
due attempts and outbox are empty, beside the real workers. So nothing is ever late because of it.
One journey at a time, whatever number of processes and clicks there are: a file is locked by it.
"""

import datetime as dt
import fcntl
import json
import logging
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from django.db import connections

from apps import clock
from apps.recovery.models import CaseEvent
from sandbox import workers
from sandbox.console import door
from sandbox.console.door import SandboxAway
from sandbox.workers import Again

logger = logging.getLogger(__name__)

LONGEST_STEP = dt.timedelta(hours=1)
SHORTEST_STEP = dt.timedelta(seconds=1)
PATIENCE_SECONDS = 60
"""How long one step may wait for workers and letters before the journey is given up."""

PAUSE_SECONDS = 0.02
OUTAGE_SECONDS = 3
"""How long the workers may take to start what falls due while Stripe is away."""

COUNTED_EVERY = 0.6
"""Seconds between two counts of what happened on the way."""

TOLD_TOGETHER = dt.timedelta(minutes=12)
"""Shorter than the shortest wait of a retry, so that nothing planned meanwhile is late."""

Kind = CaseEvent.Kind


@dataclass(frozen=True, slots=True)
class Journey:
    """One move of the clock: how far it is and what happened on the way.

    `percent` of the way; `trouble` says why it ended early, "" if it did not.
    """

    id: str
    hours: int
    percent: int = 0
    is_over: bool = False
    trouble: str = ""
    failed: int = 0
    recovered: int = 0
    lost: int = 0


class TimeMachine:
    """Keeps the journey of one folder, `var/sandbox`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._note = folder / "journey.json"

    def last(self) -> Journey | None:
        """Read the journey under way, or the one made last."""
        try:
            journey = Journey(**json.loads(self._note.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        if not journey.is_over and not self._is_locked():
            # Noted between our read and our look at the lock?
            journey = Journey(**json.loads(self._note.read_text()))
            if not journey.is_over:
                return replace(journey, is_over=True, trouble="It was interrupted.")
        return journey

    def depart(self, hours: int) -> Journey | None:
        """Start a journey in the background; None if one is under way already."""
        journey = Journey(id=secrets.token_hex(4), hours=hours)
        started = threading.Event()
        accepted: list[bool] = []

        def travel() -> None:
            try:
                with self._alone(tries=10) as is_alone:
                    accepted.append(is_alone)
                    if is_alone:
                        self._write(journey)
                    started.set()
                    if is_alone:
                        self.travel(journey)
            finally:
                started.set()
                connections.close_all()

        threading.Thread(target=travel, name="time machine", daemon=True).start()
        started.wait()
        return journey if accepted and accepted[0] else None

    def travel(self, journey: Journey) -> Journey:
        """Make the whole journey; the caller is alone. What goes wrong stands in the answer."""
        try:
            for current in _travel(journey):
                journey = current
                self._write(journey)
        except (SandboxAway, workers.NeverAtRest) as error:
            logger.warning("The time machine stopped: %s", error)
            away = isinstance(error, SandboxAway)
            why = "The local Stripe does not answer." if away else str(error)
            journey = replace(journey, trouble=why)
        except Exception:
            logger.exception("The time machine broke down.")
            journey = replace(journey, trouble="It broke down; the log says why.")
        journey = replace(journey, is_over=True)
        self._write(journey)
        return journey

    def _write(self, journey: Journey) -> None:
        fresh = self._note.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(journey)))
        fresh.replace(self._note)

    def _is_locked(self) -> bool:
        with self._alone() as is_alone:
            return not is_alone

    @contextmanager
    def _alone(self, *, tries: int = 1) -> Iterator[bool]:
        """Hold the lock; the kernel drops it with the process. Several tries see past a look."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "journey.lock").open("w") as file:
            for _ in range(tries):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(PAUSE_SECONDS)
                else:
                    yield True
                    return
            yield False


def _travel(journey: Journey) -> Iterator[Journey]:
    """Go step by step; yields the journey after each.

    Raises:
        SandboxAway, NeverAtRest: it ends here.
    """
    newest = CaseEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    now = _come_to_rest(door.standing())
    start, whole = now.now, dt.timedelta(hours=journey.hours)
    due, counted_at = workers.next_due_at(now.now, again=Again.WAITS), time.monotonic()
    while now.now < start + whole:
        step = _next_stop(now, due, end=start + whole) - now.now
        step = min(max(step, SHORTEST_STEP), LONGEST_STEP, start + whole - now.now)
        before, now = now, door.advance(step)
        if not _was_quiet(before, now, due):
            now = _come_to_rest(now)
            if before.down_until is not None and now.down_until is None:
                workers.hurry_reads()
                now = _come_to_rest(now)
            due = workers.next_due_at(now.now, again=Again.WAITS)
        journey = replace(journey, percent=min(99, int(100 * ((now.now - start) / whole))))
        if time.monotonic() - counted_at > COUNTED_EVERY:
            journey, counted_at = _counted(journey, newest, start), time.monotonic()
        yield journey
    yield _counted(replace(journey, percent=100), newest, start)


def _was_quiet(before: door.Standing, now: door.Standing, due: dt.datetime | None) -> bool:
    """Tell that nobody had anything to do on the way."""
    return (
        not now.due_letters
        and now.sent_letters == before.sent_letters
        and (due is None or now.now < due)
        and before.down_until is None
    )


def _next_stop(now: door.Standing, due: dt.datetime | None, *, end: dt.datetime) -> dt.datetime:
    """Say how far to go: to what the product does next, or past what Stripe does next.

    What Stripe does within a few minutes is told at once, as if webhooks were that late.
    """
    stops = [end]
    if now.next_at is not None:
        stops.append(max(now.next_at, now.now) + TOLD_TOGETHER)
    if due is not None:
        stops.append(due)
    if now.down_until is not None:
        stops.append(now.down_until + SHORTEST_STEP)
    return min(stops)


def _come_to_rest(now: door.Standing) -> door.Standing:
    """Work beside the workers until everybody is done at this moment.

    While Stripe is away nothing comes to rest: the workers try what is due, and that is all.
    """
    if now.down_until is not None:
        deadline = time.monotonic() + OUTAGE_SECONDS
        while workers.is_due(clock.now()) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        return door.standing()
    deadline = time.monotonic() + PATIENCE_SECONDS
    has_worked = False
    while True:
        # Letters first: the more is known, the less is read.
        if now.due_letters:
            now = door.deliver()
        pulse = workers.pulse(clock.now())
        is_done = pulse.is_at_rest if has_worked else not pulse.has_work
        if is_done and not now.due_letters:
            return now
        # No event gets lost here, so the net under them is left to the real workers.
        done, has_worked = workers.work(clock.now, again=Again.WAITS, seen=pulse), True
        now = door.deliver()
        if not done:
            # A worker is busy with the rest.
            time.sleep(PAUSE_SECONDS)
        if time.monotonic() > deadline:
            raise workers.NeverAtRest("The product does not come to rest; look at the logs.")


def _counted(journey: Journey, after: int, start: dt.datetime) -> Journey:
    """Count what happened on the way; what an import tells meanwhile is older."""
    kinds = (Kind.OPENED, Kind.RECOVERED, Kind.LOST)
    happened = CaseEvent.objects.filter(id__gt=after, kind__in=kinds, at__gte=start - LONGEST_STEP)
    found = Counter(happened.values_list("kind", flat=True))
    return replace(
        journey,
        failed=found[Kind.OPENED],
        recovered=found[Kind.RECOVERED],
        lost=found[Kind.LOST],
    )
