"""What every test may rely on: a database server, started here where none is named."""

import os
from collections.abc import Iterator

import pytest
from django.db import connection, connections, transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

from config.embedded import database_url, postgres_dir
from sandbox import postgres
from tests.sandbox.server_process import free_port

# How long an example takes says nothing about the code where other work shares the machine.
settings.register_profile("recoup", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("recoup")

# What Django itself writes after the migrations, and every test may rely on.
KEPT = {"django_content_type", "auth_permission"}


def empty_tables(_: TransactionTestCase) -> None:
    """Delete what a test committed, from the tables that hold anything.

    Django truncates all hundred of them, which waits until nobody reads any, and then writes
    content types and permissions again: most of a second each time, on a busy machine some.
    """
    names = set(connection.introspection.django_table_names(only_existing=True)) - KEPT
    quoted = [connection.ops.quote_name(name) for name in sorted(names)]
    looks = [f"(SELECT {number} FROM {name} LIMIT 1)" for number, name in enumerate(quoted)]  # noqa: S608
    # Foreign keys are checked at the end of the transaction, so that the order does not matter.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        for (number,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {quoted[number]}")  # noqa: S608


TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[attr-defined]


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
