"""Seeds one after the other, in this process or in several with a database each."""

import gc
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from multiprocessing.process import BaseProcess, parent_process
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from queue import Empty
from typing import TYPE_CHECKING

import django
from greenlet import getcurrent

from sandbox.simulation.stage import Stage

if TYPE_CHECKING:
    from sandbox.simulation.running import Outcome


class CrewError(Exception):
    """A process ended without being asked to."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to live through: seeds from `seed` on until there are `lives`, or exactly `seeds`.

    After `minutes`, if set, no new seed is begun.
    """

    seed: int
    lives: int
    customers: int
    seeds: int | None = None
    minutes: float | None = None
    processes: int = 1


def outcomes(order: Order) -> Iterator["Outcome"]:
    """Give what came of each seed as soon as it is known; what was begun is lived to its end.

    Raises:
        PostgresError, CrewError: it cannot go on.
    """
    if order.processes == 1:
        yield from _alone(order)
    else:
        yield from _together(order)


class _Enough:
    """Says when no new seed is to be begun."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._began = time.monotonic()
        self.lived = 0

    def __bool__(self) -> bool:
        order = self._order
        if order.minutes is not None and time.monotonic() - self._began > order.minutes * 60:
            return True
        return order.seeds is None and self.lived >= order.lives


def _alone(order: Order) -> Iterator["Outcome"]:
    enough = _Enough(order)
    with _worlds(order) as worlds:
        for outcome in worlds:
            enough.lived += outcome.lives
            yield outcome
            if enough:
                return


def _together(order: Order) -> Iterator["Outcome"]:
    context = get_context("spawn")
    results: Queue[Outcome] = context.Queue()
    stop = context.Event()
    crew: list[BaseProcess] = [
        context.Process(target=_work, args=(order, number, results, stop))
        for number in range(order.processes)
    ]
    enough = _Enough(order)
    with ExitStack() as stack:
        for process in crew:
            process.start()
            stack.callback(_end, process)
        while any(process.is_alive() for process in crew) or not results.empty():
            if enough:
                stop.set()
            try:
                outcome = results.get(timeout=1)
            except Empty:
                if any(process.exitcode for process in crew):
                    raise CrewError("A process of the simulation ended early.") from None
                continue
            enough.lived += outcome.lives
            yield outcome


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join()


def _work(order: Order, number: int, results: "Queue[Outcome]", stop: Event) -> None:
    """Be one of several processes: live through every seed whose turn it is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
    signal.signal(signal.SIGTERM, interrupt_once)
    starter = parent_process()
    django.setup()
    with suppress(KeyboardInterrupt), _worlds(order, number) as worlds:
        while not stop.is_set() and starter and starter.is_alive():
            outcome = next(worlds, None)
            if outcome is None:
                return
            results.put(outcome)


def interrupt_once(*_: object) -> None:
    """End what runs as Ctrl-C does; a second signal does not disturb the tidying up.

    Raises:
        KeyboardInterrupt: unless a simulated process is at work; then at its next pause.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if getcurrent().parent is None:
        raise KeyboardInterrupt
    Stage.is_interrupted = True


@contextmanager
def _worlds(order: Order, number: int = 0) -> Iterator[Iterator["Outcome"]]:
    from sandbox.simulation import running, scratch

    last = order.seed + order.seeds if order.seeds is not None else None
    seeds = (
        count(order.seed + number, order.processes)
        if last is None
        else range(order.seed + number, last, order.processes)
    )
    with scratch.scratch_database(), _little_garbage():
        yield (running.run_seed(seed, customers=order.customers) for seed in seeds)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Look for garbage rarely: most objects of a world live as long as it does."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
