"""Processes that take turns: exactly one runs, and it may be killed wherever it pauses.

Each process is a greenlet. It pauses before and after every call to Stripe, before a transaction
begins, after it is committed and before a statement outside of one; never inside a transaction,
so that one connection to the database is enough for all of them.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, ClassVar, Literal, cast
from unittest.mock import patch

from django.db import OperationalError, connection, transaction
from greenlet import greenlet

from sandbox.simulation.trouble import Trouble

Fate = Literal["", "crash_before", "crash_after", "lost_before", "lost_after"]

WRITES = ("UPDATE", "INSERT", "DELETE")


class Crash(BaseException):
    """The process is gone as by `kill -9`; nothing of it runs any more."""


class ConnectionLostInCommit(OperationalError):
    """The database went away during COMMIT: it was carried out, or it was not."""


class Actor:
    """One process at work on one task."""

    def __init__(self, name: str, task: str, work: Callable[[], None]) -> None:
        self.name = name
        self.task = task
        self.at = "start"
        self.is_dead = False
        self.frozen_until: dt.datetime | None = None
        self.committed_at: dt.datetime | None = None
        self.error: Exception | None = None
        self._work = work
        self.greenlet = greenlet(self._run)
        # Where an event loop runs, Django keeps its connection by context, and each new context
        # would open one more, which nobody gives back.
        self.greenlet.gr_context = copy_context()

    @property
    def is_done(self) -> bool:
        return bool(self.greenlet.dead)

    def _run(self) -> None:
        try:
            self._work()
        except Crash:
            self.is_dead = True
        except Exception as error:  # noqa: BLE001 - the world judges what a task may raise
            self.error = error


class Stage:
    """Says who runs, and what becomes of them at each pause.

    `is_interrupted` ends it all at the next pause: in the middle of a statement the product would
    take the interruption for an error of its own.
    """

    is_interrupted: ClassVar[bool] = False

    def __init__(
        self,
        trouble: Trouble,
        *,
        now: Callable[[], dt.datetime],
        tell: Callable[[str, str], None],
    ) -> None:
        self.trouble = trouble
        self.rng = trouble.rng
        self.now = now
        self.tell = tell
        self.running: Actor | None = None
        self.writes = 0
        self._main = greenlet.getcurrent()

    # Of the one who directs

    def step(self, actor: Actor) -> None:
        """Let a process go on until it pauses or ends."""
        self.running = actor
        try:
            actor.greenlet.switch()
        finally:
            self.running = None
        if Stage.is_interrupted:
            raise KeyboardInterrupt

    def kill(self, actor: Actor) -> None:
        """End a process where it stands."""
        self.tell(actor.name, f"is killed: {actor.at} ({actor.task})")
        self.end(actor)

    def end(self, actor: Actor) -> None:
        """Let nothing of a process be left."""
        actor.is_dead = True
        if actor.at == "start" or actor.is_done:
            return
        self.running = actor
        try:
            actor.greenlet.throw(Crash)
        finally:
            self.running = None

    # Of the process that runs

    def pause(self, where: str) -> None:
        """Let others run; the process may never come back from here."""
        actor = self.running
        if actor is None:
            return
        if actor.is_dead:
            raise Crash
        actor.at = where
        cast(Any, self._main).switch()
        if actor.is_dead:
            raise Crash

    def crash(self, where: str) -> Crash:
        """Let the running process die right here; raise what this gives."""
        assert self.running is not None  # noqa: S101 - only a process can die
        self.running.is_dead = True
        self.tell(self.running.name, f"is killed: {where} ({self.running.task})")
        return Crash()

    def dies_now(self) -> bool:
        """Decide by chance whether the running process is killed here."""
        return self.running is not None and self.rng.random() < self.trouble.crashes

    @contextmanager
    def hooks(self) -> Iterator[None]:
        """Put the pauses into Django's transactions and statements."""
        enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

        def begin(atomic: Any) -> None:
            if not connection.in_atomic_block:
                self.pause("before a transaction")
            enter(atomic)

        def end(atomic: Any, kind: Any, error: Any, trace: Any) -> None:
            outermost = len(connection.atomic_blocks) == 1
            if not outermost or self.running is None or kind is not None:
                leave(atomic, kind, error, trace)
                return
            self._commit(lambda kind, error: leave(atomic, kind, error, None))

        with (
            patch.object(transaction.Atomic, "__enter__", begin),
            patch.object(transaction.Atomic, "__exit__", end),
            connection.execute_wrapper(self._execute),
        ):
            yield

    def _commit(self, leave: Callable[[Any, Any], None]) -> None:
        actor, fate = self.running, self._fate_of_commit()
        assert actor is not None  # noqa: S101 - the caller has asked
        if fate == "crash_before":
            crash = self.crash("before a commit")
            leave(Crash, crash)
            raise crash
        if fate == "lost_before":
            lost = ConnectionLostInCommit("the connection was lost before COMMIT arrived")
            self.tell(actor.name, "loses the database before its commit")
            leave(ConnectionLostInCommit, lost)
            raise lost
        leave(None, None)
        actor.committed_at = self.now()
        if fate == "crash_after":
            raise self.crash("after a commit")
        if fate == "lost_after":
            self.tell(actor.name, "loses the database after its commit")
            raise ConnectionLostInCommit("the connection was lost in COMMIT")
        self.pause("after a commit")

    def _fate_of_commit(self) -> Fate:
        if self.dies_now():
            return self.rng.choice(("crash_before", "crash_after"))
        if self.rng.random() < self.trouble.lost_commits:
            return self.rng.choice(("lost_before", "lost_after"))
        return ""

    def _execute(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        is_write = sql.lstrip().startswith(WRITES)
        self.writes += is_write
        actor = self.running
        if actor is None:
            return execute(sql, params, many, context)
        if actor.is_dead:
            raise Crash
        if connection.in_atomic_block or not is_write:
            return execute(sql, params, many, context)
        self.pause("before a statement")
        if self.dies_now():
            raise self.crash("before a statement")
        result = execute(sql, params, many, context)
        actor.committed_at = self.now()
        if self.dies_now():
            raise self.crash("after a statement")
        return result
