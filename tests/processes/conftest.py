"""The stage of tests with real processes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection

from tests.processes import evidence
from tests.processes.stage import Stage


@pytest.fixture
def stage(request, transactional_db, tmp_path, settings) -> Iterator[Stage]:
    """Give a stage on the test database; nothing runs yet. A test that fails shows how it stood."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database_url = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    with _broker() as broker_url:
        stage = Stage(tmp_path, database_url=database_url, broker_url=broker_url)
        # The test and the processes share the sandbox's clock.
        settings.CLOCK_OFFSET_FILE = tmp_path / "sandbox" / "clock-offset"
        yield stage
        shown = {"rows": evidence.rows(), "local Stripe": stage.stripe_says()}
        stage.stop_all()
    shown |= {name: evidence.worth_reading(text) for name, text in sorted(stage.logs().items())}
    for name, text in shown.items():
        request.node.add_report_section("teardown", name, text)


@contextmanager
def _broker() -> Iterator[str]:
    """Give the broker the processes share; on Redis a database of its own, empty before and after."""
    url: str = settings.PROCESS_BROKER_URL
    if not url.startswith("redis:"):
        yield url
        return
    for number in range(15, 0, -1):
        own_url = urlsplit(url)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(own_url) as client:
            # Claimed by the key, so that two runs on one machine do not share it.
            if client.dbsize() == 0 and client.set("claimed", os.getpid(), nx=True):
                try:
                    yield own_url
                finally:
                    client.flushdb()
                return
    raise RuntimeError("Redis has no empty database for the process tests")
