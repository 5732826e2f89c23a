"""Databases of the simulation's own, on an embedded server: never the configured one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import sql

from config.embedded import database_url, postgres_dir, socket_dir
from sandbox import postgres

SERVER = "pg-simulate"
PREFIX = "simulate_"


@contextmanager
def scratch_database() -> Iterator[None]:
    """Let the default connection lead to a new, migrated database for the block; drop it after.

    Raises:
        PostgresError: the server could not be started; the message says why.
    """
    data, name = postgres_dir(SERVER), f"{PREFIX}{os.getpid()}"
    with postgres.running(data, throw_away=True):
        _drop(*_left_behind())
        postgres.create_database(data, name)
        try:
            with _connected(str(socket_dir(data)), name):
                call_command("migrate", verbosity=0)
                yield
        finally:
            _drop(name)


def _drop(*names: str) -> None:
    url = database_url(postgres_dir(SERVER), "postgres")
    with psycopg.connect(url, autocommit=True) as admin:
        for name in names:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            admin.execute(statement.format(sql.Identifier(name)))


def _left_behind() -> list[str]:
    """Name the databases of processes that were killed before they could drop them."""
    url = database_url(postgres_dir(SERVER), "postgres")
    with psycopg.connect(url) as admin:
        rows = admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'simulate\\_%'")
        return [name for (name,) in rows if not _lives(int(name.removeprefix(PREFIX)))]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def _connected(host: str, name: str) -> Iterator[None]:
    configured = connections.databases["default"]
    own = {"NAME": name, "HOST": host, "PORT": "", "USER": "postgres", "PASSWORD": ""}
    options = {key: value for key, value in configured["OPTIONS"].items() if key != "pool"}
    _close()
    connections.databases["default"] = {**configured, **own, "OPTIONS": options}
    del connections["default"]
    try:
        yield
    finally:
        _close()
        connections.databases["default"] = configured
        del connections["default"]


def _close() -> None:
    connections["default"].close()
    if isinstance(connections["default"], DatabaseWrapper):
        connections["default"].close_pool()
