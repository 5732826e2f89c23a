"""Django's `migrate`, with a short cut for dj-stripe on an empty database."""

from typing import Any

from django.apps import apps
from django.core.management.commands import migrate
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

SHORT_CUT_APP = "djstripe"
PARTIAL_OPTIONS = ("app_label", "plan", "check_unapplied", "fake", "fake_initial", "prune")


class Command(migrate.Command):
    """Migrate, but create dj-stripe's tables from its models where there is nothing yet.

    Its second migration rewrites every table of the first and costs about a minute of processor
    time. On a database without any table the result is the same and takes a second;
    `check_schema` proves it. A database that has tables is migrated as Django does.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if not any(options.get(name) for name in PARTIAL_OPTIONS) and _is_empty(connection):
            if options["verbosity"] >= 1:
                self.stdout.write("Empty database: creating dj-stripe's tables from its models.")
            create_tables_of(SHORT_CUT_APP, connection)
        super().handle(*args, **options)


def create_tables_of(app_label: str, connection: BaseDatabaseWrapper) -> None:
    """Migrate what an app depends on, create its final tables, record its migrations as run.

    Does nothing for an app that runs without migrations (as `pytest --no-migrations` asks).
    """
    executor = MigrationExecutor(connection)
    nodes = [key for key in executor.loader.graph.nodes if key[0] == app_label]
    if not nodes:
        return
    needed = {
        (parent[0], parent[1])
        for node in nodes
        for parent in executor.loader.graph.node_map[node].parents
        if parent[0] != app_label
    }
    executor.migrate(sorted(needed))
    # All or nothing: a half-made set of tables would stop every later migration.
    with transaction.atomic(using=connection.alias), connection.schema_editor() as editor:
        for model in apps.get_app_config(app_label).get_models():
            if model._meta.can_migrate(connection):
                editor.create_model(model)
        for node in sorted(nodes):
            executor.recorder.record_applied(*node)


def _is_empty(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)
