"""A sandbox that stands still, and the stripe library's client in front of it."""

from datetime import UTC, datetime

import pytest
import stripe

from sandbox import Clock, Sandbox
from sandbox.transport import SandboxHTTPClient

MONDAY = datetime(2026, 1, 5, 15, tzinfo=UTC)


@pytest.fixture
def sandbox():
    return Sandbox(clock=Clock(start=MONDAY))


@pytest.fixture
def http(sandbox):
    return SandboxHTTPClient(sandbox)


@pytest.fixture
def client(sandbox, http):
    return stripe.StripeClient(sandbox.secret_key, http_client=http, max_network_retries=0)
