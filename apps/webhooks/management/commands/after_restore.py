"""`manage.py after_restore`: nobody is charged until everything open was read at Stripe again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps import clock
from apps.accounts.services import demand_reconciliation
from apps.webhooks import services


class Command(BaseCommand):
    help = (
        "To be run after a backup was restored. Charges nobody until every open payment was "
        "compared with Stripe, and begins with that; workers go on where it ends. A restored "
        "database is noticed without it, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=float, default=600.0, help="How long to read here.")

    def handle(self, *, seconds: float, **options: Any) -> None:
        now = clock.now()
        demand_reconciliation(why="a backup was restored", now=now)
        behind = services.catch_up(now=now, seconds=seconds)
        for one in behind:
            self.stdout.write(f"{one.merchant} is still off: {one.why}. Workers go on.")
        if not behind:
            self.stdout.write("Everything open was compared with Stripe; charging goes on.")
