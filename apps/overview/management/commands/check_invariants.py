"""Ask the rules that must never break, now."""

import datetime as dt

from django.core.management.base import BaseCommand

from apps import clock
from apps.overview import services


class Command(BaseCommand):
    help = "Ask the rules that must never break; exit 1 when one is. Changes nothing of merchants'."

    def handle(self, **_: object) -> None:
        """Print one line per rule."""
        real_now = dt.datetime.now(dt.UTC)
        checks = services.check_invariants(now=clock.now(), real_now=real_now)
        for one in checks:
            state = f"BROKEN {one.broken} times: {', '.join(one.examples)}" if one.broken else "ok"
            self.stdout.write(f"{one.rule:<4} {one.words}: {state}")
        if any(one.broken for one in checks):
            raise SystemExit(1)
