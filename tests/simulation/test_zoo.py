"""Every bug of the zoo is found, within its number of seeds and by a rule it breaks."""

from contextlib import ExitStack

import pytest

from sandbox.simulation.running import run_seed
from tests.simulation.zoo import ZOO

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("bug", ZOO, ids=str)
def test_it_is_found(bug):
    with ExitStack() as stack:
        bug.into(stack)
        outcomes = []
        for seed in range(bug.first, bug.first + bug.seeds):
            outcomes.append(run_seed(seed, customers=bug.customers, focus=bug.focus))
            if outcomes[-1].broken:
                break

    last = outcomes[-1]
    assert last.broken in bug.rules, f"{last.words or 'nothing was found'}\n{last.story}"
