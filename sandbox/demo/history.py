"""The many customers' past: lived in a sandbox of its own, in a process of its own, then joined.

Those of the cast whom nothing happens to before the demo come with them.
All of it is decided by the seed and the moment of the demo, so that an interrupted start just
makes it again. No event is kept: nobody listened, Recoup gets to know it all by its import.
"""

import heapq
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from config.embedded import CHECKOUT
from sandbox import cards, ids
from sandbox.billing import method_changes
from sandbox.clock import Clock
from sandbox.core import HOUSE, Sandbox
from sandbox.demo import crowd, people, troubles
from sandbox.demo.builder import Builder
from sandbox.demo.crowd import Member
from sandbox.demo.shop import SEED, Prices, open_shop
from sandbox.server import plans
from sandbox.server.actions import ActionRefused, carry_out
from sandbox.server.storage import Storage, as_saved
from sandbox.store import Row
from sandbox.types import Obj

FILE = "history.sqlite3"

ALREADY_THERE = frozenset({"account", "house", "key", "price", "product", "settings"})
"""What both sandboxes have, alike."""

FIRST_LETTERS = 1_000_000_000
"""Where the ids of the many begin; those of the cast never get there."""


class History:
    """Lets the many come and live, up to the moment of the demo."""

    def __init__(
        self, *, demo: datetime, free_from: datetime, begins: datetime, size: int = crowd.SIZE
    ) -> None:
        self.sandbox = Sandbox(clock=Clock(begins), seed=SEED)
        self._demo = demo
        self._free_from = free_from
        self._members = crowd.crowd(demo, size=size)
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = count()
        self._prices: Prices = {}

    def live(self) -> None:
        """Live until the demo; what people will do later is noted as their plans."""
        prices = self._prices = open_shop(self.sandbox)
        house = self.sandbox.store.get(HOUSE, "house", "house") or {}
        house["letters"] = FIRST_LETTERS
        late = dict(crowd.watched(self._members))
        for member in self._members:
            self._at(member.joins, partial(self._join, member, late.get(member)))
        cast = Builder(self.sandbox, demo=self._demo, lived_from=self._demo)
        for joins, come in cast.comings(people.FUTURE, prices):
            self._at(joins, come)
        while self._due and self._due[0][0] <= self._demo:
            moment, _, happen = heapq.heappop(self._due)
            self.sandbox.run_until(moment)
            happen()
        self.sandbox.run_until(self._demo)
        plans.carry_out_due(self.sandbox)

    def rows(self) -> Iterator[Row]:
        """Give what the cast's sandbox does not have."""
        for row in self.sandbox.take_changes():
            if row.kind not in ALREADY_THERE and row.kind != "event":
                yield row

    def _at(self, moment: datetime, happen: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), happen))

    def _join(self, member: Member, late: datetime | None) -> None:
        sandbox = self.sandbox
        name, email = member.name_and_email
        customer = sandbox.create_customer(
            name=name,
            email=email,
            address={**method_changes.NO_ADDRESS, "country": member.country}
            | ({"state": member.state} if member.state else {}),
        )
        method = self._method(member, customer)
        method_changes.set_default(sandbox.books(), customer, method)
        price = self._prices[member.offer]
        if member.instalments:
            bought = sandbox.subscribe_in_instalments(customer, price, member.instalments)
        else:
            bought = sandbox.subscribe(customer, price)
        if member.bank:
            sandbox.tick()
            sandbox.set_behaviour(method, cards.settles_later())
        mine = {"customer": customer, "method": method, "subscription": bought}
        self._plan_life(member, late, mine)

    def _method(self, member: Member, customer: Obj) -> Obj:
        if member.bank:
            paid_at_once = cards.settles_later(after=timedelta(0))
            return self.sandbox.create_bank_account(
                customer, type=member.bank, behaviour=paid_at_once
            )
        last4 = f"{int(ids.fraction(member.name_and_email[1]) * 10_000):04d}"
        return self.sandbox.create_card(
            customer, behaviour=[], number=f"400000000000{last4}", **member.card
        )

    def _plan_life(self, member: Member, late: datetime | None, mine: dict[str, Obj]) -> None:
        known = {name: obj["id"] for name, obj in mine.items()}
        known["invoice_of"] = known["subscription"]
        deeds, refunds = member.happenings(free_from=self._free_from)
        if late is not None:
            deeds += troubles.still_open(late).deeds
        for at, deed in deeds:
            given = {deed.about: known[deed.about], **deed.more}
            if at > self._demo:
                plans.plan(self.sandbox, at, deed.action, given)
            else:
                self._at(at, partial(self._do, deed.action, given))
        for refund in refunds:
            if refund.at <= self._demo:
                give_back = partial(self._give_back, known["subscription"], refund.disputed)
                self._at(refund.at, give_back)

    def _do(self, action: str, given: Obj) -> None:
        try:
            carry_out(self.sandbox, action, given)
        except ActionRefused:
            # The subscription ended before: they have nothing to do any more.
            return

    def _give_back(self, subscription_id: str, disputed: bool) -> None:
        sandbox = self.sandbox
        subscription = sandbox.object("subscription", subscription_id)
        invoice = sandbox.object("invoice", subscription["latest_invoice"])
        if invoice["status"] != "paid" or not invoice["_charge"]:
            return
        if disputed:
            sandbox.dispute(invoice["_charge"])
        else:
            sandbox.refund(invoice["_charge"])


def save(history: History, file: Path) -> None:
    """Write what the history made, whole or not at all."""
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    storage = Storage(fresh)
    storage.save(as_saved(history.rows()), timedelta(0))
    storage.close()
    fresh.replace(file)


class Writer:
    """The process that makes the history while the cast lives."""

    def __init__(
        self, folder: Path, *, demo: datetime, free_from: datetime, begins: datetime
    ) -> None:
        self._file = folder / FILE
        self._process: subprocess.Popen[bytes] | None = None
        if not self._file.exists():
            moments = [moment.isoformat() for moment in (demo, free_from, begins)]
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "sandbox.demo.history", str(self._file), *moments],
                cwd=CHECKOUT,
            )

    def wait(self) -> Path:
        """Wait until the history is written and give its file.

        Raises:
            RuntimeError: it could not be made.
        """
        if self._process is not None and self._process.wait():
            raise RuntimeError("The customers' past could not be made.")
        return self._file

    def stop(self) -> None:
        """Do without it."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _main(file: str, *moments: str) -> None:
    demo, free_from, begins = map(datetime.fromisoformat, moments)
    history = History(demo=demo, free_from=free_from, begins=begins)
    history.live()
    save(history, Path(file))


if __name__ == "__main__":
    # What is lived meanwhile takes longer, and everybody waits for that.
    os.nice(10)
    _main(*sys.argv[1:])
