"""Worlds full of trouble, in which no rule breaks. `manage.py simulate` runs as many as one likes."""

import asyncio
import os
from contextlib import nullcontext

import pytest
from django.core.management import call_command
from django.db import connection

from sandbox.simulation.referee import Broken
from sandbox.simulation.running import run_seed
from sandbox.simulation.stage import Stage
from sandbox.simulation.trouble import Focus
from sandbox.simulation.world import World

pytestmark = pytest.mark.django_db(transaction=True)

SEEDS = int(os.environ.get("SIMULATION_SEEDS") or 1)
FIRST = 2
CUSTOMERS = 10
TROUBLED = Focus(trouble={"crashes": 0.03, "pay_faults": 0.3, "workers": 3})


def connections_out():
    connection.ensure_connection()
    stats = connection.pool.get_stats()  # type: ignore[attr-defined] # the stubs know no pool
    return stats["pool_size"] - stats["pool_available"]


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_no_rule_breaks(seed):
    outcome = run_seed(seed, customers=CUSTOMERS)

    assert not outcome.broken, f"{outcome.words}\n{outcome.story}"
    assert outcome.lives > CUSTOMERS // 3


def test_a_seed_replays_exactly():
    first = run_seed(FIRST, customers=2, focus=TROUBLED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('recovery_attempt', 'id'), 5000)")
        cursor.execute("SELECT setval(pg_get_serial_sequence('recovery_caseevent', 'id'), 70000)")

    again, other = (run_seed(one, customers=2, focus=TROUBLED) for one in (FIRST, FIRST + 1))

    assert again.fingerprint == first.fingerprint
    assert other.fingerprint != first.fingerprint


@pytest.mark.parametrize("has_loop", [False, True])
def test_no_connection_stays_out_of_the_pool(monkeypatch, has_loop):
    """A browser's test leaves an event loop in this thread, and Django goes by contexts then."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

    def live():
        before = connections_out()
        outcome = run_seed(FIRST, customers=2, focus=TROUBLED)
        return outcome, connections_out() - before

    async def live_in_a_loop():
        try:
            return live()
        finally:
            connection.close()

    outcome, kept = asyncio.run(live_in_a_loop()) if has_loop else live()

    assert not outcome.broken, outcome.words
    assert kept == 0


def test_an_interruption_ends_a_world_between_two_statements(monkeypatch):
    before = connections_out()
    with monkeypatch.context() as changed:
        changed.setattr(Stage, "is_interrupted", True)
        with pytest.raises(KeyboardInterrupt):
            run_seed(FIRST, customers=2)

    assert connections_out() == before
    assert not run_seed(FIRST, customers=1).broken


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_tells_and_fails(capsys, monkeypatch, broken):
    monkeypatch.setattr("sandbox.simulation.scratch.scratch_database", nullcontext)
    if broken:

        def live(self):
            raise Broken("M1", "made up")

        monkeypatch.setattr(World, "live", live)
    arguments = {"seed": 2, "seeds": 1, "customers": 4}

    if broken:
        with pytest.raises(SystemExit) as end:
            call_command("simulate", **arguments)
        assert end.value.code == 1
    else:
        call_command("simulate", **arguments)

    printed = capsys.readouterr().out
    assert f"{int(broken)} broken" in printed
    assert ("Again: manage.py simulate --seeds 1 --seed 2 --customers 4" in printed) == broken
