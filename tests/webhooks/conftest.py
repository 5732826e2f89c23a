from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from apps import clock
from apps.accounts.models import Merchant
from apps.stripe_gateway import client as gateway
from tests.webhooks.world import SECRET, World


@pytest.fixture
def make_world(db, settings, monkeypatch) -> Iterator[Callable[..., World]]:
    """Build worlds whose Stripe is the one the product talks to; the last one made is."""
    with ExitStack() as doors:

        def make(**options) -> World:
            world = World(**options)
            settings.GATEWAY_STRIPE_KEY = world.sandbox.secret_key
            settings.STRIPE_WEBHOOK_SECRETS = [SECRET]
            settings.MIRROR_STRIPE = False
            monkeypatch.setattr(clock, "now", world.sandbox.now)
            world.merchant = Merchant.objects.create(
                name="Studio", stripe_account_id=world.sandbox.account, time_zone="America/New_York"
            )
            doors.enter_context(gateway.use_http_client(world.http))
            return world

        yield make


@pytest.fixture
def world(make_world) -> World:
    world: World = make_world()
    return world
