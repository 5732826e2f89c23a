"""Live many lives of failed invoices through every trouble there is, and count broken rules."""

import signal
import time

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sandbox.postgres import PostgresError
from sandbox.simulation.crew import CrewError, Order, interrupt_once, outcomes
from sandbox.simulation.running import CUSTOMERS, Outcome

PROGRESS_EVERY = 15.0
"""Seconds between two lines that say how far it is."""


class Command(BaseCommand):
    help = (
        "Simulate failed payments with everything failing, in a database of its own that is "
        "dropped at the end; exit 1 when a rule is broken."
    )
    # They would ask the configured database, which need not be there.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lives", type=int, default=200, help="at least so many lives")
        parser.add_argument("--seed", type=int, default=1, help="the first seed")
        parser.add_argument("--seeds", type=int, help="so many seeds, however many lives")
        parser.add_argument("--minutes", type=float, help="begin no seed after so many minutes")
        parser.add_argument("--customers", type=int, default=CUSTOMERS, help="customers per seed")
        parser.add_argument("--processes", type=int, default=1, help="so many, a database each")

    def handle(
        self,
        *,
        lives: int,
        seed: int,
        seeds: int | None,
        minutes: float | None,
        customers: int,
        processes: int,
        **_: object,
    ) -> None:
        """Run the seeds; a broken one prints its story and how to see it again."""
        if min(lives, customers, processes, seeds or 1) < 1:
            raise CommandError("Lives, seeds, customers and processes are numbers from 1 on.")
        order = Order(seed, lives, customers, seeds, minutes, processes)
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(number, interrupt_once) for number in signals]
        count = _Count(wanted=None if seeds else lives)
        try:
            for outcome in outcomes(order):
                count.take(outcome)
                if outcome.broken:
                    self._tell(outcome, customers)
                elif count.is_time_to_say():
                    self.stdout.write(count.words())
                    self.stdout.flush()
        except (PostgresError, CrewError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Interrupted; the databases are dropped.")
            raise SystemExit(130) from None
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)
            self.stdout.write(count.words())
        if count.broken:
            raise SystemExit(1)

    def _tell(self, outcome: Outcome, customers: int) -> None:
        self.stdout.write(f"seed {outcome.seed} broke {outcome.words}\n{outcome.story}")
        again = f"--seeds 1 --seed {outcome.seed} --customers {customers}"
        self.stdout.write(f"Again: manage.py simulate {again}\n")


class _Count:
    """How many lives, in which seeds, and how fast."""

    def __init__(self, *, wanted: int | None) -> None:
        self.lived = self.broken = 0
        self._wanted = wanted
        self._seeds: list[int] = []
        self._began = self._said = time.monotonic()

    def take(self, outcome: Outcome) -> None:
        self.lived += outcome.lives
        self.broken += bool(outcome.broken)
        self._seeds.append(outcome.seed)

    def is_time_to_say(self) -> bool:
        if time.monotonic() - self._said < PROGRESS_EVERY:
            return False
        self._said = time.monotonic()
        return True

    def words(self) -> str:
        of = f" of {self._wanted}" if self._wanted and self.lived < self._wanted else ""
        spent = time.monotonic() - self._began
        between = f" ({min(self._seeds)} to {max(self._seeds)})" if self._seeds else ""
        return (
            f"{self.lived}{of} lives in {len(self._seeds)} seeds{between}, {self.broken} broken: "
            f"{spent:.0f} s, {self.lived / max(spent, 0.001):.1f} lives/s"
        )
