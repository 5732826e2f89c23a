"""Live the weeks before the demo starts, with the product, in this process.

Months pass in the sandbox alone. Then Recoup is connected and the last weeks are lived by both:
every failure, retry and recovery of that past really went through the product's services. The end
of the past is the present, so business time is real time until somebody moves it.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from apps.accounts.models import Merchant
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import client as gateway
from apps.webhooks.models import ImportRun
from apps.webhooks.services import inbox
from apps.webhooks.services.importing import start_import
from config.celery import app
from config.embedded import VAR_DIR, default_environment
from sandbox import workers
from sandbox.clock import real_time
from sandbox.core import HOUSE, Sandbox
from sandbox.demo import people
from sandbox.demo.builder import HISTORY, LIVED, Builder, charge_at
from sandbox.demo.history import Writer
from sandbox.demo.merchant import prepare_merchant
from sandbox.demo.people import Person
from sandbox.demo.shop import SEED
from sandbox.server import plans
from sandbox.server.__main__ import prepare
from sandbox.server.keeper import Keeper
from sandbox.server.storage import Storage, as_saved
from sandbox.store import Row
from sandbox.transport import SandboxHTTPClient
from sandbox.types import Obj
from sandbox.workers import Again

DRAFTED = frozenset({"invoice.created", "customer.subscription.updated"})
"""What Stripe tells when it only wrote a bill: no reason to wake anybody."""
SAID_EVERY = 2.5
"""Seconds between two words about the progress."""

UNTIL_READY = timedelta(seconds=8)
"""From the end of the past until a person looks at the first page, about."""
FAILS_AFTER = timedelta(seconds=8)
NEW_CARD_AFTER = timedelta(seconds=32)
RETRIED_AFTER = timedelta(seconds=20)
RETRY_WAIT = timedelta(hours=1)
"""The recommended first retry after a technical decline."""

Say = Callable[[str], None]


def populate(
    *,
    say: Say,
    folder: Path = VAR_DIR / "sandbox",
    environment: Mapping[str, str] | None = None,
) -> bool:
    """Make people, merchant and their past; False if there is nothing to make any more.

    An interrupted start is taken up where it was left. Nothing else may use the folder meanwhile.
    """
    story = _saved_story(folder) or _new_story()
    if story["done"]:
        return False
    demo = datetime.fromtimestamp(story["demo"], UTC)
    crowd = Writer(folder, demo=demo, free_from=demo - LIVED, begins=demo - LIVED - HISTORY)
    try:
        if not story["lived"]:
            _live(folder, story, say, default_environment() | dict(environment or os.environ))
        _ask_for_history()
        _join(folder, story, crowd.wait())
    finally:
        crowd.stop()
    return True


def _live(folder: Path, story: Obj, say: Say, environment: Mapping[str, str]) -> None:
    life = Life(folder, story, say=say)
    try:
        with gateway.use_http_client(life.client), _nobody_woken():
            if not story["begun"]:
                life.begin(environment)
            life.live()
    finally:
        life.keeper.close()


def _join(folder: Path, story: Obj, history: Path) -> None:
    """Put the many beside the cast, all or nothing."""
    story["done"] = True
    storage = Storage(folder / "sandbox.sqlite3")
    try:
        storage.join(history, as_saved([Row(HOUSE, "life", "life", 0, story)]))
    finally:
        storage.close()


def _ask_for_history() -> None:
    """Note that the worker shall bring in what Recoup has not seen, unless it was noted before."""
    merchant = Merchant.objects.order_by("pk").get(is_connected=False)
    if not ImportRun.objects.filter(merchant=merchant).exists():
        start_import(merchant=merchant, now=real_time())


@contextmanager
def _nobody_woken() -> Iterator[None]:
    """Send no messages to workers, who do not run yet: their work is done here.

    Nor is anything kept for the mirror: the import will read it all once more.
    """
    is_mirrored = settings.MIRROR_STRIPE
    app.send_task = lambda *_args, **_options: None  # type: ignore[assignment,method-assign]
    settings.MIRROR_STRIPE = False
    try:
        yield
    finally:
        # The class's own is behind it; a copy put back here would hide it for good.
        del app.send_task
        settings.MIRROR_STRIPE = is_mirrored


def _new_story() -> Obj:
    demo = int((real_time() + UNTIL_READY).timestamp())
    begins = demo - int((LIVED + HISTORY).total_seconds())
    return {
        "demo": demo,
        "moment": begins,
        **dict.fromkeys(("begun", "is_hurried", "lived", "done"), False),
    }


def _saved_story(folder: Path) -> Obj | None:
    """Read what an earlier start noted; a sandbox without such a note is left alone."""
    storage = Storage(folder / "sandbox.sqlite3")
    try:
        rows = storage.rows()
    finally:
        storage.close()
    if not rows:
        return None
    return next((row.value for row in rows if row.kind == "life"), {"done": True})


class Life:
    """The sandbox and the product, from one thing that is due to the next."""

    def __init__(self, folder: Path, story: Obj, *, say: Say) -> None:
        self._story = story
        self._say = say
        self._letters: list[bytes] = []
        self._demo = datetime.fromtimestamp(story["demo"], UTC)
        self.keeper = Keeper(
            folder,
            prepare=lambda _: None,
            fixed_at=datetime.fromtimestamp(story["moment"], UTC),
            seed=SEED,
            send=self._receive,
        )
        self.client = SavingClient(self.keeper)

    @property
    def _sandbox(self) -> Sandbox:
        return self.keeper.sandbox

    def begin(self, environment: Mapping[str, str]) -> None:
        """Let those come whom something happens to, then connect Recoup."""
        sandbox = self._sandbox
        cast = (*people.PAST, people.RETRIED_AT_ONCE, people.FAILS_AT_ONCE)
        Builder(sandbox, demo=self._demo, lived_from=self._demo - LIVED).build(cast)
        prepare(sandbox, environment)
        prepare_merchant(own_stripe=False, now=sandbox.now())
        # The sandbox may be new beside a merchant of an earlier one.
        merchant = Merchant.objects.order_by("pk").get(is_connected=False)
        Merchant.objects.filter(pk=merchant.pk).update(stripe_account_id=sandbox.account)
        self._story["begun"] = True
        self._note()

    def live(self) -> None:
        """Live until the present."""
        with connection.cursor() as cursor:
            # What a crash of the machine could take is lived again; nobody waits for the disk.
            cursor.execute("SET synchronous_commit TO off")
        said_at = time.monotonic()
        while True:
            self._settle()
            following = self._next()
            if not self._story["is_hurried"] and following > self._demo - RETRY_WAIT * 1.2:
                self._hurry(people.RETRIED_AT_ONCE, RETRIED_AFTER - RETRY_WAIT)
                self._story["is_hurried"] = True
                following = self._next()
            if following > real_time():
                break
            self._sandbox.clock.advance_to(following)
            if time.monotonic() - said_at > SAID_EVERY:
                said_at = time.monotonic()
                self._say(f"  {self._sandbox.now():%b %d}: {_score()}")
        self._sandbox.clock.advance_to(real_time())
        self._settle()
        workers.settle(self._sandbox.now, deliver=self._deliver)
        fails_at = self._hurry(people.FAILS_AT_ONCE, FAILS_AFTER)
        self._plan_new_card(people.FAILS_AT_ONCE, fails_at + NEW_CARD_AFTER - FAILS_AFTER)
        self._story["lived"] = True
        self._note()
        self._say(f"  Today: {_score()}")

    def _next(self) -> datetime:
        """When something is due next, in the sandbox or in the product; never now."""
        due = (self.keeper.next_at(), workers.next_due_at(self._sandbox.now(), again=Again.NEVER))
        soonest = min((moment for moment in due if moment is not None), default=self._demo)
        return max(soonest, self._sandbox.now() + timedelta(seconds=1))

    def _settle(self) -> None:
        """Let happen what is due. No event is lost here, so that there is nothing to doubt."""
        self.keeper.live()
        self.keeper.deliver()
        now = self._sandbox.now
        if not self._only_drafted() or workers.is_due(now()):
            self._deliver()
            workers.work(now, again=Again.NEVER)
            while self._deliver():
                workers.work(now, again=Again.NEVER)
        self._note()

    def _only_drafted(self) -> bool:
        return all(json.loads(body)["type"] in DRAFTED for body in self._letters)

    def _note(self) -> None:
        self._story["moment"] = self._sandbox.now().timestamp()
        self._sandbox.store.put(HOUSE, "life", "life", self._story)
        self.keeper.save()

    def _deliver(self) -> int:
        """Put all letters that are due into the inbox at once."""
        self.keeper.deliver()
        now, count = self._sandbox.now(), len(self._letters)
        inbox.keep([inbox.row_of(body=body, now=now) for body in self._letters])
        self._letters.clear()
        return count

    def _receive(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self._letters.append(body)
        return 200

    # What a newcomer sees happen

    def _hurry(self, person: Person, after_ready: timedelta) -> datetime:
        """Let the draft that waits for its charge be charged at a moment around the start."""
        moment = real_time() + UNTIL_READY + after_ready
        customer = self._customer(person)
        for invoice in self._sandbox.books().where("invoice", "customer", customer["id"]):
            if invoice["status"] == "draft":
                charge_at(self._sandbox, invoice["id"], moment)
        return moment

    def _plan_new_card(self, person: Person, moment: datetime) -> None:
        customer = self._customer(person)
        plans.plan(self._sandbox, moment, "replace_card", {"customer": customer["id"]})

    def _customer(self, person: Person) -> Obj:
        return next(
            row for row in self._sandbox.objects("customer") if row["email"] == person.email
        )


class SavingClient(SandboxHTTPClient):
    """Keeps what a call changed before it is answered: a kill never undoes what was answered."""

    def __init__(self, keeper: Keeper) -> None:
        super().__init__(keeper.sandbox)
        self._keeper = keeper

    def request(self, method: str, *args: Any, **kwargs: Any) -> tuple[str, int, Mapping[str, str]]:
        answer = super().request(method, *args, **kwargs)
        if method.upper() != "GET":
            self._keeper.save()
        return answer


def _score() -> str:
    failed = RecoveryCase.objects.count()
    recovered = RecoveryCase.objects.filter(status=RecoveryCase.Status.RECOVERED).count()
    return f"{failed} payments failed so far, {recovered} recovered"
