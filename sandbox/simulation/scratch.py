"""A database of the simulation's own, on the embedded server: never the configured one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from config.embedded import database_url, postgres_dir, socket_dir
from sandbox import postgres

SERVER = "pg-simulate"


@contextmanager
def scratch_database() -> Iterator[None]:
    """Let the default connection lead to a new, migrated database for the block; drop it after."""
    data, name = postgres_dir(SERVER), f"simulate_{os.getpid()}"
    with postgres.running(data, throw_away=True):
        postgres.create_database(data, name)
        try:
            with _connected(str(socket_dir(data)), name):
                call_command("migrate", verbosity=0)
                yield
        finally:
            with psycopg.connect(database_url(data, "postgres"), autocommit=True) as admin:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _connected(host: str, name: str) -> Iterator[None]:
    configured = connections.databases["default"]
    own = {"NAME": name, "HOST": host, "PORT": "", "USER": "postgres", "PASSWORD": ""}
    options = {key: value for key, value in configured["OPTIONS"].items() if key != "pool"}
    connections["default"].close()
    connections.databases["default"] = {**configured, **own, "OPTIONS": options}
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections.databases["default"] = configured
        del connections["default"]
