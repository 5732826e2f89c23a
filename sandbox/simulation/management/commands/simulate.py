"""Live many lives of failed invoices through every trouble there is, and count broken rules."""

import time

from django.core.management.base import BaseCommand, CommandParser

from sandbox.simulation.running import CUSTOMERS, run_seed
from sandbox.simulation.scratch import scratch_database


class Command(BaseCommand):
    help = "Simulate failed payments in a scratch database; exit 1 when a rule is broken."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--lives", type=int, default=200, help="at least so many lives")
        parser.add_argument("--seed", type=int, default=1, help="the first seed")
        parser.add_argument("--seeds", type=int, help="so many seeds, however many lives")
        parser.add_argument("--customers", type=int, default=CUSTOMERS, help="customers per seed")

    def handle(
        self, *, lives: int, seed: int, seeds: int | None, customers: int, **_: object
    ) -> None:
        """Run seeds one after the other; a broken one prints its story and how to see it again."""
        lived = run = broken = 0
        started, used = time.monotonic(), time.process_time()
        with scratch_database():
            while run < seeds if seeds else lived < lives:
                outcome = run_seed(seed + run, customers=customers)
                run += 1
                lived += outcome.lives
                if outcome.broken:
                    broken += 1
                    self.stdout.write(f"seed {outcome.seed} broke {outcome.words}\n{outcome.story}")
                    again = f"--seeds 1 --seed {outcome.seed} --customers {customers}"
                    self.stdout.write(f"Again: manage.py simulate {again}\n")
        spent, cpu = time.monotonic() - started, time.process_time() - used
        self.stdout.write(
            f"{lived} lives in {run} seeds ({seed} to {seed + run - 1}), {broken} broken: "
            f"{spent:.0f} s, {lived / spent:.1f} lives/s ({cpu:.0f} s of CPU)"
        )
        if broken:
            raise SystemExit(1)
