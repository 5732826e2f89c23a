"""Worlds full of trouble, in which no rule breaks. `manage.py simulate` runs as many as one likes."""

import os
from contextlib import nullcontext

import pytest
from django.core.management import call_command

from sandbox.simulation.referee import Broken
from sandbox.simulation.running import run_seed
from sandbox.simulation.world import World

pytestmark = pytest.mark.django_db(transaction=True)

SEEDS = int(os.environ.get("SIMULATION_SEEDS") or 1)
FIRST = 2
CUSTOMERS = 10


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_no_rule_breaks(seed):
    outcome = run_seed(seed, customers=CUSTOMERS)

    assert not outcome.broken, f"{outcome.words}\n{outcome.story}"
    assert outcome.lives > CUSTOMERS // 3


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_tells_and_fails(capsys, monkeypatch, broken):
    monkeypatch.setattr(
        "sandbox.simulation.management.commands.simulate.scratch_database", nullcontext
    )
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
