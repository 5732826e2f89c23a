"""The sandbox: a local Stripe as one plain object.

Calls go in by `request`, time goes on by its clock, events come out through a
`sandbox.webhooks.Deliverer`. It knows nothing about HTTP: `sandbox.transport` puts it behind the
stripe library's client, a server may put it behind a socket.
"""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from sandbox import ids, resources
from sandbox.billing import calendar
from sandbox.billing.retries import RetrySettings
from sandbox.books import Books
from sandbox.clock import Clock
from sandbox.control import Control
from sandbox.faults import Faults
from sandbox.gate import Gate
from sandbox.idempotency import IdempotencyStore
from sandbox.judge import Judge
from sandbox.store import Row, Store
from sandbox.timers import Timers
from sandbox.types import Obj, Params, Response
from sandbox.versions import DEFAULT_VERSION

# State that belongs to no account is kept under this name.
HOUSE = ""

resources.load()


class Sandbox(Control):
    """A Stripe platform account, its connected accounts and everything in them.

    `seed` decides every id and every chance; the same calls at the same times give the same
    objects. The platform's own key is `secret_key`.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        api_version: str = DEFAULT_VERSION,
        seed: int = 0,
        livemode: bool = False,
        judge: Judge | None = None,
        rows: Iterable[Row] = (),
    ) -> None:
        self.clock = clock or Clock()
        self.api_version = api_version
        self.store = Store()
        self.timers = Timers(self.store)
        self.idempotency = IdempotencyStore(self.store)
        self.judge = judge or Judge()
        self.faults = Faults()
        self.lock = threading.RLock()
        # Called with the endpoint while a call is under way and the lock is not held: tests put
        # the other call of a collision here, a server its latency.
        self.during_call: Callable[[str], None] | None = None
        self._moment: datetime | None = None
        self._gate = Gate(self)
        self.store.load(rows)
        self.timers.rebuild()
        house = self.store.get(HOUSE, "house", "house")
        if house is None:
            house = {"seed": seed, "letters": 0, "account": ""}
            self._house = house
            self._house["account"] = "acct_" + self.new_letters(length=16)
            self.store.put(HOUSE, "house", "house", house)
            mode = "live" if livemode else "test"
            self.add_account(
                self.account,
                keys=[f"sk_{mode}_{self.new_letters()}"],
                connected=False,
                livemode=livemode,
            )
        else:
            self._house = house

    # Identity

    @property
    def account(self) -> str:
        """The platform's own account id."""
        return str(self._house["account"])

    @property
    def secret_key(self) -> str:
        """The platform's first secret key."""
        return next(
            str(row["id"])
            for row in self.store.all(HOUSE, "key")
            if row["account"] == self.account and row["id"].startswith("sk_")
        )

    def settings_of(self, account: str) -> Obj:
        settings = self.store.get(HOUSE, "settings", account)
        if settings is None:
            raise LookupError(f"no account {account}")
        return settings

    def books(self, account: str | None = None) -> Books:
        """Return the objects of an account, without a request behind what happens to them."""
        return Books(self, account or self.account)

    def new_letters(self, length: int = 24) -> str:
        self._house["letters"] += 1
        self.store.put(HOUSE, "house", "house", self._house)
        return ids.letters(self._house["seed"], self._house["letters"], length=length)

    # Time

    def now(self) -> datetime:
        """Return the moment things happen at: the clock's, or that of the due action under way."""
        return self._moment or self.clock.now()

    def tick(self) -> int:
        """Carry out everything due by the clock, each thing at its own moment; return how many."""
        with self.lock:
            count = 0
            if self._moment is not None:
                return count
            while due := self.timers.take_due(int(self.clock.now().timestamp())):
                moment, account, action, id = due
                self._moment = datetime.fromtimestamp(moment, UTC)
                try:
                    calendar.run(self.books(account), action, id)
                finally:
                    self._moment = None
                count += 1
            return count

    def advance(self, by: timedelta) -> int:
        """Move the clock forward and carry out what became due."""
        self.clock.advance(by)
        return self.tick()

    def run_until(self, moment: datetime) -> int:
        """Move the clock forward to `moment` and carry out what became due."""
        self.clock.advance_to(moment)
        return self.tick()

    def next_due_at(self) -> datetime | None:
        """When Stripe does something by itself next."""
        with self.lock:
            moment = self.timers.next_at()
            return datetime.fromtimestamp(moment, UTC) if moment is not None else None

    # Calls

    def request(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Answer one API call.

        Raises:
            ConnectionLost: if a fault ate the call or its answer.
        """
        return self._gate.answer(method.upper(), path, params or {}, headers or {})

    # Saving

    def dump(self) -> bytes:
        """Everything, as JSON. `take_changes` gives what changed, for a save after each call."""
        with self.lock:
            return json.dumps(
                [asdict(row) for row in sorted(self.store.rows(), key=attrgetter("sequence"))]
            ).encode()

    @classmethod
    def load(cls, dumped: bytes, *, clock: Clock | None = None, **options: Any) -> "Sandbox":
        """Bring a dumped sandbox back; faults, switches and the judge's memory start afresh."""
        rows = [Row(**row) for row in json.loads(dumped)]
        return cls(clock=clock, rows=rows, **options)

    def take_changes(self) -> list[Row]:
        """Rows changed since the last call; `Sandbox(rows=...)` takes such rows back."""
        with self.lock:
            return self.store.take_changes()

    # Settings an account's owner makes in the dashboard

    def set_retries(self, settings: RetrySettings, *, account: str | None = None) -> None:
        """Choose Stripe's retries and final action; they apply to later retries."""
        self._set(account, retries=settings.as_row())

    def _set(self, account: str | None, **changes: Any) -> None:
        name = account or self.account
        with self.lock:
            self.store.put(HOUSE, "settings", name, {**self.settings_of(name), **changes})
