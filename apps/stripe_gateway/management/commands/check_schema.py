"""Prove that the short cut of our `migrate` leaves the database that the migrations leave."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

PARTS = {
    "column": """
        SELECT table_name || '.' || column_name,
               concat_ws(' ', data_type, character_maximum_length, numeric_precision,
                         numeric_scale, is_nullable, column_default, is_identity)
        FROM information_schema.columns WHERE table_schema = 'public'""",
    "constraint": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "sequence": """
        SELECT sequence_name, data_type
        FROM information_schema.sequences WHERE sequence_schema = 'public'""",
}
"""What is compared: everything but the order of columns."""


class Command(BaseCommand):
    help = "Compare what the short migrate makes with Django's own, in two scratch databases."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        with _scratch_database("schema_short") as short, _scratch_database("schema_full") as full:
            call_command("migrate", database=short.alias, verbosity=0)
            self.stdout.write("Short cut done; running all migrations, about a minute.")
            call_command(DjangoMigrate(), database=full.alias, verbosity=0)
            found = differences(read_schema(short), read_schema(full))
        if found:
            raise CommandError("The schemas differ:\n" + "\n".join(found))
        self.stdout.write("Schemas and rows are the same but for the order of columns.")


def read_schema(database: BaseDatabaseWrapper) -> dict[str, str]:
    """Read every table's columns, constraints, indexes and sequences: name to definition.

    And the number of its rows: a migration may write some.
    """
    schema: dict[str, str] = {}
    with database.cursor() as cursor:
        for part, query in PARTS.items():
            cursor.execute(query)
            schema |= {f"{part} {name}": definition for name, definition in cursor.fetchall()}
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*) FROM {database.ops.quote_name(table)}")  # noqa: S608 - the database's own names
            schema[f"rows {table}"] = str(cursor.fetchone()[0])
    return schema


def differences(short: dict[str, str], full: dict[str, str]) -> list[str]:
    """Say in one line each what is not the same in two schemas."""
    return [
        f"{name}: {short.get(name, 'missing')} by the short cut, "
        f"{full.get(name, 'missing')} by the migrations"
        for name in sorted(short.keys() | full.keys())
        if short.get(name) != full.get(name)
    ]


@contextmanager
def _scratch_database(alias: str) -> Iterator[BaseDatabaseWrapper]:
    name = connection.ops.quote_name(f"scratch_{alias}")
    options = {k: v for k, v in connection.settings_dict["OPTIONS"].items() if k != "pool"}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    connections.databases[alias] = {
        **connections.databases["default"],
        "NAME": f"scratch_{alias}",
        "OPTIONS": options,
    }
    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections.databases[alias]
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
