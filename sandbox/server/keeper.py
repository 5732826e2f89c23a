"""A sandbox that lives on: saved as it changes, its clock told to the product, its webhooks sent.

The parts are ordered so that a kill at any moment leaves something consistent: first the file
with objects and clock (one transaction), then the clock's offset for the product, then letters.
"""

import http.client
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sandbox.clock import Clock, real_time
from sandbox.core import Sandbox
from sandbox.judge import Judge
from sandbox.server import plans
from sandbox.server.holds import Holds
from sandbox.server.storage import Storage, as_saved
from sandbox.webhooks import Deliverer, Send

LONGEST_STEP = timedelta(hours=1)
DELIVERY_SECONDS = 10
OFFSET_FILE = "clock-offset"


class StepTooLong(ValueError):
    """The clock moves at most an hour at a time, so that nobody is late because of it."""


class Keeper:
    """Owns the sandbox of one folder.

    `prepare(sandbox)` is called for every new sandbox and must be safe to repeat. `fixed_at` makes
    the clock stand still between two steps.
    """

    def __init__(
        self,
        folder: Path,
        *,
        prepare: Callable[[Sandbox], None],
        fixed_at: datetime | None = None,
        seed: int | None = None,
        send: Send | None = None,
    ) -> None:
        self._folder = folder
        self._prepare = prepare
        self._seed = seed
        self._send = send or post
        self._storage = Storage(folder / "sandbox.sqlite3")
        self._clock = Clock(fixed_at, offset=self._storage.offset())
        # Held while letters are on their way and while the clock moves: a letter signed before
        # a step would arrive an hour old.
        self._moving = threading.RLock()
        self._saving = threading.Lock()
        self._saved_offset: timedelta | None = None
        self.woken = threading.Event()
        self.holds = Holds()
        self.sandbox, self.deliverer = self._start(afresh=False)

    def _start(self, *, afresh: bool) -> tuple[Sandbox, Deliverer]:
        rows = [] if afresh else self._storage.rows()
        seed = secrets.randbelow(2**31) if self._seed is None else self._seed
        # Every 429 of the real Stripe is a fault on request here; the rest is judged and refused.
        sandbox = Sandbox(clock=self._clock, rows=rows, seed=seed, judge=Judge())
        self._prepare(sandbox)
        return sandbox, Deliverer(sandbox, self._send_saved)

    def start(self) -> None:
        """Save what a new sandbox begins with and tell the time."""
        self.save()
        self._tell_offset()

    # Saving

    def save(self) -> None:
        """Keep what changed since the last call; costs nothing when nothing did."""
        with self._saving:
            with self.sandbox.lock:
                keys = set(self.sandbox.store.changed)
                rows = as_saved(self.sandbox.take_changes())
                offset = self._clock.offset
            if not rows and offset == self._saved_offset:
                return
            try:
                self._storage.save(rows, offset)
                self._saved_offset = offset
            except Exception:
                # What could not be saved now is saved next time.
                with self.sandbox.lock:
                    self.sandbox.store.changed |= keys
                raise

    def _tell_offset(self) -> None:
        """Write how far business time is ahead of real time, in seconds, whole or not at all."""
        ahead = self._clock.offset
        if self._clock.is_fixed:
            ahead = self._clock.now() - real_time()
        fresh = self._folder / f"{OFFSET_FILE}.new"
        fresh.write_text(f"{ahead.total_seconds()}\n")
        fresh.replace(self._folder / OFFSET_FILE)

    # Time

    def advance(self, by: timedelta) -> datetime:
        """Move the clock by at most an hour, carry out what became due, and return the time.

        Raises:
            StepTooLong: nothing was moved.
        """
        if not timedelta(0) <= by <= LONGEST_STEP:
            raise StepTooLong(f"between 0 and {LONGEST_STEP.total_seconds():.0f} seconds at a time")
        with self._moving:
            self._clock.advance(by)
            self.live()
            self._tell_offset()
        return self._clock.now()

    def live(self) -> int:
        """Carry out what is due by the clock and save; return how many things happened."""
        count = self.sandbox.tick() + plans.carry_out_due(self.sandbox)
        self.save()
        if count:
            self.woken.set()
        return count

    def next_at(self) -> datetime | None:
        """When something happens by itself next, letters that wait for another try included."""
        letter = self.deliverer.next_at()
        zone = self._clock.now().tzinfo
        moments = (
            self.sandbox.next_due_at(),
            plans.next_at(self.sandbox),
            datetime.fromtimestamp(letter, zone) if letter is not None else None,
        )
        return min((moment for moment in moments if moment is not None), default=None)

    # Letters

    def due_letters(self) -> int:
        """How many deliveries are due and not answered yet."""
        sandbox = self.sandbox
        with sandbox.lock:
            now = sandbox.clock.now().timestamp()
            return sum(
                row["next_at"] <= now
                for account in sandbox.store.accounts()
                for row in sandbox.store.all(account, "delivery")
            )

    def deliver(self) -> int:
        """Send the webhooks that are due; return how many went out."""
        with self._moving:
            count = self.deliverer.deliver_due()
        self.save()
        return count

    def deliver_all(self) -> None:
        """Send until nothing is due, also what the receiver causes by its own calls."""
        with self._moving:
            self.deliverer.drain()
        self.save()

    def _send_saved(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        # Nobody hears of what a kill could still undo.
        self.save()
        return self._send(url, body, headers)

    # The end

    def reset(self) -> None:
        """Forget every object; the clock stays where it is, as it never moves back."""
        with self._moving, self._saving:
            sandbox, deliverer = self._start(afresh=True)
            with sandbox.lock:
                rows = as_saved(sandbox.take_changes())
            self._storage.save(rows, self._clock.offset, afresh=True)
            self.sandbox, self.deliverer = sandbox, deliverer

    def close(self) -> None:
        self.save()
        self._storage.close()


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Send one letter and return the receiver's status. Any failure of the line is an OSError."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=DELIVERY_SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
