"""The short cut through all migrations on an empty database, and its proof."""

from io import StringIO

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from apps.stripe_gateway.management.commands import check_schema, migrate


@pytest.mark.django_db
def test_the_test_database_was_made_by_it():
    applied = set(MigrationRecorder(connection).applied_migrations())

    assert applied == set(MigrationLoader(connection).disk_migrations)
    assert ("djstripe", "0002_2_10") in applied
    assert {"djstripe_invoice", "recovery_recoverycase", "accounts_user_groups"} <= set(
        connection.introspection.table_names()
    )
    assert Permission.objects.filter(codename="change_recoverycase").exists()


@pytest.mark.django_db
def test_a_database_with_tables_is_migrated_as_django_does(monkeypatch):
    def never(*args, **options):
        raise AssertionError("the short cut was taken")

    monkeypatch.setattr(migrate, "create_everything", never)
    out = StringIO()

    call_command("migrate", stdout=out)

    assert "No migrations to apply" in out.getvalue()


@pytest.mark.django_db
def test_part_of_the_migrations_is_left_to_django(monkeypatch):
    monkeypatch.setattr(migrate, "_is_empty", lambda connection: True)

    def never(*args, **options):
        pytest.fail("short cut taken")

    monkeypatch.setattr(migrate, "create_everything", never)

    call_command("migrate", "sessions", stdout=StringIO())


@pytest.mark.django_db
def test_no_model_of_the_gateway_waits_for_a_migration():
    call_command(
        "makemigrations", "stripe_gateway", "djstripe", "--check", "--dry-run", stdout=StringIO()
    )


def test_a_difference_between_schemas_is_named():
    found = check_schema.differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})

    assert found == [
        "a: 1 by the short cut, missing by the migrations",
        "b: 2 by the short cut, 3 by the migrations",
        "c: missing by the short cut, 4 by the migrations",
    ]


@pytest.mark.django_db
def test_a_schema_is_read_whole():
    schema = check_schema.read_schema(connection)

    assert schema["column stripe_gateway_mirrorbacklog.stripe_id"].startswith("character varying")
    assert "UNIQUE" in schema["constraint stripe_gateway_mirrorbacklog.backlog_unique_object"]
    assert "btree (not_before)" in schema["index backlog_by_time"]
    assert int(schema["rows auth_permission"]) > 0
    assert schema["rows recovery_recoverycase"] == "0"
