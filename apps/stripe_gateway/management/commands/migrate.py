"""Django's `migrate`, with a short cut on an empty database."""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management.commands import migrate
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.module_loading import module_has_submodule

PARTIAL_OPTIONS = ("app_label", "plan", "check_unapplied", "fake", "fake_initial", "prune")


class Command(migrate.Command):
    """Migrate, but create all tables from the models where there is nothing yet.

    dj-stripe's second migration rewrites every table of its first and costs about a minute of
    processor time; going through all others costs some seconds more, at each start of the tests.
    On a database without any table the result is the same and takes a second; `check_schema`
    proves it. A database that has tables is migrated as Django does.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if any(options.get(name) for name in PARTIAL_OPTIONS) or not _is_empty(connection):
            super().handle(*args, **options)
            return
        if options["verbosity"] >= 1:
            self.stdout.write("Empty database: creating all tables from the models.")
        create_everything(connection, **options)


def create_everything(
    connection: BaseDatabaseWrapper,
    *,
    run_syncdb: bool,
    verbosity: int,
    interactive: bool,
    **_: Any,
) -> None:
    """Create all tables as they are today and record all migrations as run, all or nothing.

    As with Django, apps without migrations take part only if `run_syncdb` says so.
    """
    _import_receivers()
    signal = (verbosity, interactive, connection.alias)
    loader = MigrationLoader(connection)
    # A half-made set of tables would stop every later migration.
    with transaction.atomic(using=connection.alias):
        emit_pre_migrate_signal(*signal, apps=apps, plan=[])
        _create_tables(connection, loader, also_others=run_syncdb)
        recorder = MigrationRecorder(connection)
        recorder.ensure_schema()
        recorder.migration_qs.bulk_create(
            recorder.Migration(app=app, name=name) for app, name in sorted(loader.disk_migrations)
        )
    emit_post_migrate_signal(*signal, apps=apps, plan=[])


def _create_tables(
    connection: BaseDatabaseWrapper, loader: MigrationLoader, *, also_others: bool
) -> None:
    """Create the models as the last migrations leave them: their hidden tables differ from ours.

    All statements are sent at once: there are a thousand of them.
    """
    final = loader.project_state().apps
    others = loader.unmigrated_apps if also_others else set()
    with connection.schema_editor(collect_sql=True) as editor:
        for models in (
            [one for one in final.get_models() if one._meta.app_label in loader.migrated_apps],
            [one for one in apps.get_models() if one._meta.app_label in others],
        ):
            for model in models:
                if model._meta.can_migrate(connection):
                    editor.create_model(model)
    with connection.cursor() as cursor:
        cursor.execute("\n".join(editor.collected_sql))


def _import_receivers() -> None:
    """Let apps subscribe to the signals of a migration, where Django looks for that."""
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, "management"):
            import_module(f"{app.name}.management")


def _is_empty(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)
