"""One clock for everything: business time, real time and the database's own."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest.mock import patch

from django.db import connection
from django.utils import timezone

from apps import clock
from apps.webhooks.services import reading

SCHEMA = "simulation"
_CLOCKS = ("clock_timestamp", "statement_timestamp", "transaction_timestamp", "now")

Now = Callable[[], dt.datetime]


@contextmanager
def one_clock(now: Now) -> Iterator[Callable[[], None]]:
    """Let leases, due times and PostgreSQL follow `now`; call what this gives when it moved.

    PostgreSQL's clocks are overridden by functions of the same name, found before its own. Leases
    are real time in production; here the two clocks are the same.
    """

    def tell_database() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('simulation.now', %s, false)", [now().isoformat()])

    monotonic = SimpleNamespace(monotonic=lambda: now().timestamp())
    with ExitStack() as stack:
        stack.enter_context(patch.object(clock, "now", now))
        stack.enter_context(patch.object(timezone, "now", now))
        stack.enter_context(patch.object(reading, "time", monotonic))
        stack.enter_context(_database_clock())
        tell_database()
        yield tell_database


@contextmanager
def _database_clock() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        for name in _CLOCKS:
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {SCHEMA}.{name}() RETURNS timestamptz STABLE "
                "LANGUAGE sql AS $$ SELECT current_setting('simulation.now')::timestamptz $$"
            )
        cursor.execute(f"SET search_path TO {SCHEMA}, public, pg_catalog")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")
            cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
