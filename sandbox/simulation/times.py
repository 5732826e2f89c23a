"""One clock for everything: business time, real time and the database's own."""

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

from django.db import connection
from django.utils import timezone

from apps import clock
from apps.webhooks import tasks as webhook_tasks
from apps.webhooks.pace import Pace

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

    def seconds() -> float:
        return now().timestamp()

    watch = SimpleNamespace(monotonic=seconds, time=seconds)
    pace = partial(Pace, sleep=lambda _: None, clock=seconds)
    with ExitStack() as stack:
        stack.enter_context(patch.object(clock, "now", now))
        stack.enter_context(patch.object(timezone, "now", now))
        stack.enter_context(patch.object(webhook_tasks, "Pace", pace))
        for module in _with_a_watch():
            stack.enter_context(patch.object(module, "time", watch))
        stack.enter_context(_database_clock())
        tell_database()
        yield tell_database


def _with_a_watch() -> list[ModuleType]:
    """Name every module of the product that measures how long something takes."""
    loaded = [module for name, module in sys.modules.items() if name.startswith("apps.")]
    return [module for module in loaded if getattr(module, "time", None) is time]


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
    except KeyboardInterrupt:
        connection.close()  # perhaps in the middle of a statement; its database is dropped
        raise
    finally:
        if connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("RESET search_path")
                cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
