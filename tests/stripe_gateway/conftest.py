from collections.abc import Iterator

import pytest

from apps.stripe_gateway.transport import use_http_client
from tests.stripe_gateway.fake_stripe import FakeStripe


@pytest.fixture
def stripe_api() -> Iterator[FakeStripe]:
    """Give a fake Stripe that carries every request of the test."""
    fake = FakeStripe()
    with use_http_client(fake):
        yield fake
