from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from apps.stripe_gateway.client import use_http_client
from tests.story.world import WEBHOOK_SECRET, World


@pytest.fixture
def make_world(db, settings, tmp_path) -> Iterator[Callable[..., World]]:
    """Make a world whose judge is asked at the end: no charge too many, in any story."""
    settings.CLOCK_OFFSET_FILE = tmp_path / "clock-offset"
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    worlds = []
    with ExitStack() as stack:

        def make(**options) -> World:
            world = World(settings.CLOCK_OFFSET_FILE, **options)
            stack.enter_context(use_http_client(world.http))
            worlds.append(world)
            return world

        yield make
    for world in worlds:
        world.sandbox.judge.assert_clean()


@pytest.fixture
def world(make_world) -> World:
    return make_world()
