"""What failed renewals cost: calls of Stripe's API for each, events taken in and drained a second.

One process, one connection, a Stripe that answers at once: the figures are the product's own cost.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar
from unittest.mock import patch

import django
from django.test.utils import override_settings, setup_databases, teardown_databases

if TYPE_CHECKING:
    from tests.webhooks.world import World

Result = TypeVar("Result")


def main() -> int:
    """Measure and print; the database is made for it and dropped again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.renewals", description=__doc__)
    parser.add_argument("--renewals", type=int, default=100)
    renewals: int = parser.parse_args().renewals
    django.setup()
    databases, seconds = timed(lambda: setup_databases(verbosity=0, interactive=False))
    say(f"{seconds:8.1f} s    to make the test database")
    try:
        measure(renewals)
    finally:
        teardown_databases(databases, verbosity=0)
    return 0


def measure(renewals: int) -> None:
    """Let renewals fail and recover by Recoup's own retries, and print what it cost."""
    # Models load after Django is set up.
    from apps.dunning.presets import RECOMMENDED
    from apps.recovery.models import RecoveryCase
    from apps.retry_settings.models import RetrySettings
    from sandbox import cards
    from tests.webhooks.world import World

    with in_process(World) as world:
        RetrySettings.objects.create(
            merchant=world.merchant, rules=RECOMMENDED.to_json(), updated_at=world.now
        )
        price = world.sandbox.create_price(14_900)
        subscriptions = [
            world.sandbox.subscribe(
                world.sandbox.create_customer_with_card(
                    behaviour=cards.declines("insufficient_funds", times=1)
                ),
                price,
            )
            for _ in range(renewals)
        ]
        world.sync()
        world.sandbox.renew(subscriptions[-1])

        letters = world.collect()
        _, seconds = timed(lambda: world.hand_in(letters))
        say(f"{len(letters) / seconds:8.0f} /s   events taken in (signature, one insert)")
        world.http.calls.clear()
        drained, seconds = timed(world.drain)
        say(f"{drained.events / seconds:8.0f} /s   events drained by one worker (read, projected)")
        say(f"{drained.objects / seconds:8.0f} /s   objects read and projected")
        opened = RecoveryCase.objects.count()
        say_calls(world.http.calls, opened, "failed renewal")

        world.http.calls.clear()
        seconds = run_until_recovered(world)
        recovered = RecoveryCase.objects.filter(status="recovered").count()
        say_calls(world.http.calls, recovered, "recovery")
        say(f"{recovered / seconds:8.0f} /s   attempts carried out by one worker")


def run_until_recovered(world: "World") -> float:
    """Carry out every attempt as it falls due; return the seconds spent on the attempts."""
    from apps.recovery.models import RecoveryCase

    spent = 0.0
    for _ in range(200):
        if not RecoveryCase.objects.filter(status="open").exists():
            break
        world.advance(hours=6)
        world.deliver()
        world.drain()
        _, seconds = timed(world.run_due_attempts)
        spent += seconds
        world.deliver()
        world.drain()
    return spent


@contextmanager
def in_process(world_class: Callable[[], "World"]) -> Iterator["World"]:
    """Put a local Stripe behind the gateway, and its clock behind ours."""
    from apps import clock
    from apps.accounts.models import Merchant
    from apps.stripe_gateway import client as gateway
    from tests.webhooks.world import SECRET

    world = world_class()
    key = world.sandbox.secret_key
    with (
        override_settings(
            GATEWAY_STRIPE_KEY=key, STRIPE_WEBHOOK_SECRETS=[SECRET], ALLOWED_HOSTS=["*"]
        ),
        patch.object(clock, "now", world.sandbox.now),
        gateway.use_http_client(world.http),
    ):
        world.merchant = Merchant.objects.create(
            name="Benchmark", stripe_account_id=world.sandbox.account
        )
        yield world


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """Call and return (what it gave, the seconds it took)."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def say_calls(calls: Counter[tuple[str, str]], number: int, what: str) -> None:
    """Print how many calls one of `number` things cost, and which."""
    say(f"{sum(calls.values()) / number:8.2f}      API calls per {what} ({number})")
    for (method, path), count in calls.most_common():
        say(f"{count / number:16.2f}  {method} {path}")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
