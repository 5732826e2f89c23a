"""What every test may rely on: a database server, started here where none is named."""

import os
from collections.abc import Iterator

import pytest
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from hypothesis import HealthCheck, settings

from config.embedded import database_url, postgres_dir
from sandbox import postgres
from tests.sandbox.server_process import free_port

# How long an example takes says nothing about the code where other work shares the machine.
settings.register_profile("recoup", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("recoup")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix) -> Iterator[None]:
    """Start the embedded PostgreSQL before the test database is made, stop it after the last test.

    Runs only when a test needs a database. With DATABASE_URL set, that server is used.
    """
    data = postgres_dir("pg-test")
    if os.environ["DATABASE_URL"] != database_url(data):
        yield
        return
    with postgres.running(data, throw_away=True):
        yield
        for connection in connections.all(initialized_only=True):
            connection.close()
            if isinstance(connection, DatabaseWrapper):
                connection.close_pool()


@pytest.fixture
def unused_tcp_port() -> int:
    """Give a port of this machine where nothing listens."""
    return free_port()
