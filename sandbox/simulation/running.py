"""Run seeds one after the other in one database, and tell what came of each."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.apps import apps
from django.db import connection

from apps.recovery.models import RecoveryCase
from sandbox.simulation.referee import Broken
from sandbox.simulation.trouble import Focus
from sandbox.simulation.world import EVERYTHING, World

CUSTOMERS = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one seed. `broken` is the rule and `story` the timeline; "" if all is well.

    `fingerprint` is the same whenever the same code lives through the same seed.
    """

    seed: int
    lives: int
    seconds: float
    fingerprint: str
    broken: str = ""
    words: str = ""
    story: str = ""


def run_seed(seed: int, *, customers: int = CUSTOMERS, focus: Focus = EVERYTHING) -> Outcome:
    """Clear the tables and live through one world.

    The tables must be nobody else's.
    """
    clear()
    world = World(seed, customers=customers, focus=focus)
    started = time.perf_counter()
    rule = words = story = ""
    with _silent():
        try:
            lives = world.live()
        except Broken as broken:
            rule, words = broken.rule, str(broken)
            about = broken.about
            story = world.timeline.text(about, *world.names_about(about))
            lives = max(1, RecoveryCase.objects.count())
    spent = time.perf_counter() - started
    return Outcome(seed, lives, spent, world.timeline.fingerprint, rule, words, story)


def clear() -> None:
    """Empty every table of ours and begin all ids at 1, so that a seed is the same anywhere."""
    tables = sorted(
        model._meta.db_table
        for model in apps.get_models()
        if model.__module__.startswith("apps.") and model._meta.managed
    )
    with connection.cursor() as cursor:
        filled = [name for name in tables if _has_rows(cursor, name)]
        if filled:
            names = ", ".join(connection.ops.quote_name(name) for name in filled)
            cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        # What was rolled back or deleted has used up ids, too.
        cursor.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) "
            "FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )


def _has_rows(cursor: object, table: str) -> bool:
    cursor.execute(f"SELECT EXISTS (SELECT FROM {connection.ops.quote_name(table)})")  # type: ignore[attr-defined] # noqa: S608
    return bool(cursor.fetchone()[0])  # type: ignore[attr-defined]


@contextmanager
def _silent() -> Iterator[None]:
    """Let a world full of faults not fill the log with them."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
