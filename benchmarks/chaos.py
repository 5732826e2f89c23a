"""Many due retries while everything is killed: `python -m benchmarks.chaos --attempts 10000`.

Real processes on servers of their own: PostgreSQL, Redis, the local Stripe, web, workers and two
beats. While the retries are due, workers are killed at random, Redis loses everything, and
PostgreSQL restarts in the middle. At the end nothing is lost and nothing is charged twice.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

HOUR, DAY = 3_600, 86_400
WORKERS = ("worker", "worker-2", "worker-3")
BEATS = ("beat", "beat-2")
PATIENCE = 600.0
"""Seconds without any progress after which it is given up."""

Count = Callable[[], int]


def main() -> int:
    """Play it and print the figures; exit 1 where anything was lost or charged twice."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--attempts", type=int, default=300)
    parser.add_argument("--kills", type=int, default=20, help="at most so many workers are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--hurry",
        action="store_true",
        help="after the last kill let no lease of the dead be waited for (minutes)",
    )
    given = parser.parse_args()
    from config.embedded import VAR_DIR

    folder = VAR_DIR / f"chaos-{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        with _servers(folder) as (database_url, broker_url, restart_database, restart_broker):
            _set_up(database_url, broker_url)
            chaos = Chaos(folder, database_url, broker_url, random.Random(given.seed))  # noqa: S311
            try:
                disasters = [restart_database, restart_broker]
                return chaos.play(given.attempts, given.kills, disasters, hurry=given.hurry)
            finally:
                chaos.stage.stop_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Chaos:
    """One merchant, many customers whose renewals fail once, and no mercy."""

    def __init__(
        self, folder: Path, database_url: str, broker_url: str, chance: random.Random
    ) -> None:
        # Models and settings load after Django is set up.
        from tests.processes.stage import Stage

        self.chance = chance
        # Any: tests are typed loosely.
        self.stage: Any = Stage(folder, database_url=database_url, broker_url=broker_url)
        self.kills = 0

    def play(
        self,
        attempts: int,
        kills: int,
        disasters: list[Callable[[], None]],
        *,
        hurry: bool,
    ) -> int:
        """Let all renewals fail, make all retries due, and kill until all is settled."""
        self._open_shop(attempts)
        started = time.monotonic()
        self._advance(2 * HOUR)
        say(f"{self._due():6} retries are due; the killing begins")
        for _ in range(kills):
            time.sleep(self.chance.uniform(1, 6))
            self._kill_a_worker()
            if disasters and self._left() < attempts * len(disasters) / 3:
                disasters.pop()()
        for disaster in disasters:
            disaster()
        if hurry:
            self._bury_the_dead()
        self._until(self._left, "everything to be settled")
        seconds = time.monotonic() - started
        return self._tell(attempts, seconds)

    def _open_shop(self, attempts: int) -> None:
        from apps.accounts.models import Merchant
        from apps.dunning.rules import RetryRules, Step
        from apps.retry_settings.services import save_rules

        stage = self.stage
        summary = stage.start_stripe()
        now = _moment(summary["now"])
        merchant = Merchant.objects.create(name="Chaos", stripe_account_id=summary["account"])
        rules = RetryRules("recoup", "custom", (Step(1), Step(1), Step(1)), name="hourly")
        save_rules(merchant=merchant, rules=rules, expected_version=0, user=None, now=now)
        price = stage.stripe.do("create_price", unit_amount=14_900, interval="week", name="Letters")
        for _ in range(attempts):
            customer = stage.stripe.do(
                "create_customer_with_card",
                behaviour=[{"do": "decline", "reason": "insufficient_funds", "times": 1}],
            )
            stage.stripe.do("subscribe", customer=customer["id"], price=price["id"])
        stage.start("web")
        for name in WORKERS:
            stage.start("worker", again_as=name)
        for name in BEATS:
            stage.start("beat", again_as=name)
        stage.wait_until_healthy()
        self._advance(7 * DAY - HOUR)
        # An hour each as a draft before the first charge fails; takeovers follow.
        self._advance(2 * HOUR)
        self._until(lambda: attempts - self._ready(), "all failures to be taken over")

    def _advance(self, seconds: float) -> None:
        """Let Stripe's time pass in hours; the processes follow by the shared offset."""
        while seconds > 0:
            step = min(seconds, HOUR)
            self.stage.stripe.post("advance", seconds=step)
            seconds -= step

    def _until(self, left: Count, what: str) -> None:
        """Wait while there is progress."""
        before, since = -1, time.monotonic()
        while remaining := left():
            if remaining != before:
                before, since = remaining, time.monotonic()
            if time.monotonic() - since > PATIENCE:
                raise TimeoutError(f"{remaining} left: waited for {what}")
            time.sleep(1)

    def _kill_a_worker(self) -> None:
        name = self.chance.choice(WORKERS)
        self.stage.kill(name)
        self.kills += 1
        self.stage.start("worker", again_as=name)

    def _bury_the_dead(self) -> None:
        """End the leases of workers that are no more: first of all of them."""
        from apps.recovery.models import Attempt
        from apps.webhooks.models import DirtyObject

        for name in WORKERS:
            self.stage.kill(name)
        _forget_connections()
        for rows in (Attempt.objects, DirtyObject.objects):
            rows.exclude(lease_until=None).update(lease_until=None)
        for name in WORKERS:
            self.stage.start("worker", again_as=name)

    # What the tables say

    def _ready(self) -> int:
        return _asked(lambda cases: cases.filter(takeover="confirmed", attempts__isnull=False))

    def _due(self) -> int:
        return _asked(lambda cases: cases.filter(attempts__status="scheduled"))

    def _left(self) -> int:
        return _asked(lambda cases: cases.filter(status="open"))

    def _tell(self, attempts: int, seconds: float) -> int:
        from django.db.models import Count as Number

        from apps.recovery.models import RecoveryCase, Try

        judged = self.stage.stripe.get("judge")["violations"]
        twice = (
            Try.objects.filter(status="succeeded")
            .exclude(stripe_invoice_id="")
            .order_by()
            .values("stripe_invoice_id")
            .annotate(number=Number("id"))
            .filter(number__gt=1)
            .count()
        )
        recovered = RecoveryCase.objects.filter(status="recovered").count()
        say(f"{recovered:6} of {attempts} recovered, {attempts - recovered} lost")
        say(f"{twice:6} invoices charged twice, {len(judged)} calls the judge refused")
        say(f"{self.kills:6} workers killed, PostgreSQL and Redis restarted once each")
        say(f"{seconds:6.0f} s until all was settled, {attempts / seconds:.1f} retries a second")
        for violation in judged[:5]:
            say(f"       {violation}")
        return int(bool(twice or judged or recovered != attempts))


def _asked(which: Callable[[Any], Any]) -> int:
    """Count cases, across a database that is away for a moment."""
    from django.db import OperationalError

    from apps.recovery.models import RecoveryCase

    while True:
        try:
            return int(which(RecoveryCase.objects.all()).distinct().count())
        except OperationalError:
            _forget_connections()
            time.sleep(0.5)


def _forget_connections() -> None:
    """Let go of connections whose server restarted."""
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper

    for one in connections.all(initialized_only=True):
        one.close()
        if isinstance(one, DatabaseWrapper):
            one.close_pool()


@contextmanager
def _servers(
    folder: Path,
) -> Iterator[tuple[str, str, Callable[[], None], Callable[[], None]]]:
    """Start a PostgreSQL and a Redis of our own; give their addresses and how to restart them."""
    from config.embedded import database_url
    from sandbox import postgres
    from tests.sandbox.server_process import free_port

    data, port = folder / "pg", free_port()
    redis = _redis(folder, port)

    def restart_broker() -> None:
        say("       Redis is killed and comes back empty")
        nonlocal redis
        redis.kill()
        redis.wait()
        redis = _redis(folder, port)

    def restart_database() -> None:
        say("       PostgreSQL restarts")
        postgres.stop(data)
        with postgres.running(data):
            pass  # it stays: the outer block uses it too

    try:
        with postgres.running(data):
            postgres.create_database(data, "recoup")
            yield (
                database_url(data),
                f"redis://127.0.0.1:{port}/0",
                restart_database,
                restart_broker,
            )
    finally:
        redis.kill()
        redis.wait()


def _redis(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is not installed")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return subprocess.Popen(  # noqa: S603
        [program, *options, "--dir", str(folder)], stdout=subprocess.DEVNULL
    )


def _set_up(database_url: str, broker_url: str) -> None:
    """Set Django up on these servers, and make the tables."""
    import django
    from django.core.management import call_command

    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url,
        "CELERY_BROKER_URL": broker_url,
    }
    django.setup()
    with suppress(RuntimeError):
        call_command("migrate", verbosity=0)


def _moment(text: str) -> Any:
    import datetime as dt

    return dt.datetime.fromisoformat(text)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
