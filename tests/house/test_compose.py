"""docker-compose.yml says what the settings need, and gives nobody more than they need."""

import ast
import os
import re
import subprocess
import sys

import psycopg
import pytest
import yaml
from django.conf import settings
from django.db import connection

from apps.overview.services import note_heartbeat

ROOT = settings.BASE_DIR
OURS = ("migrate", "web", "worker", "beat")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def required_names() -> set[str]:
    """Collect the names that the production settings read without a default."""
    text = (ROOT / "config/settings/base.py").read_text()
    return set(re.findall(r'env\.\w+\("(\w+)"\)', text))


def test_has_every_part_of_the_product(services):
    assert set(services) == {*OURS, "postgres", "redis"}


@pytest.mark.parametrize("name", OURS)
def test_each_process_gets_every_name_the_settings_require(services, name):
    environment = services[name]["environment"]

    assert len(required_names()) >= 7
    assert not required_names() - set(environment)
    assert environment["DJANGO_SETTINGS_MODULE"] == "config.settings.base"


def test_secrets_have_no_default(services):
    environment = services["web"]["environment"]

    for name in ("SECRET_KEY", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "ALLOWED_HOSTS"):
        assert environment[name].startswith(f"${{{name}:?")
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]


@pytest.mark.parametrize("name", OURS)
def test_our_processes_run_without_rights(services, name):
    service = services[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_ends_as_an_ordinary_user_with_the_locked_packages(services):
    lines = services["migrate"]["build"]["dockerfile_inline"].splitlines()

    assert lines[-1] == "USER recoup"
    assert any("--require-hashes" in line and "production.txt" in line for line in lines)


def test_only_web_is_reached_from_outside_and_only_through_a_proxy(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_nothing_starts_before_the_tables_are_there(services):
    for name in ("web", "worker", "beat"):
        condition = services[name]["depends_on"]["migrate"]["condition"]
        assert condition == "service_completed_successfully"


def test_every_process_that_stays_has_a_health_check(services):
    assert {name for name in services if "healthcheck" not in services[name]} == {"migrate"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["worker", "beat"])
def test_worker_and_beat_are_healthy_while_their_heartbeat_is_fresh(services, name):
    first, program, *arguments = services[name]["healthcheck"]["test"]
    assert (first, program, arguments[-1]) == ("CMD", "python", name)
    params = connection.get_connection_params()
    known = ("dbname", "host", "port", "user", "password")
    address = psycopg.conninfo.make_conninfo(
        **{key: params[key] for key in known if params.get(key)}
    )

    def check() -> int:
        return subprocess.run(  # noqa: S603
            [sys.executable, *arguments],
            env=os.environ | {"DATABASE_URL": address},
            timeout=120,
            check=False,
        ).returncode

    assert check() == 1
    note_heartbeat(name=name)
    assert check() == 0


def test_logs_cannot_fill_the_disk(services):
    for name in OURS:
        assert services[name]["logging"]["options"]["max-size"]


def test_gunicorn_logs_through_the_redactor(services):
    assert "--logger-class config.gunicorn.Logger" in services["web"]["command"]


def test_migrations_are_a_step_and_static_files_are_in_the_image(services):
    lines = services["migrate"]["build"]["dockerfile_inline"]

    assert services["migrate"]["command"] == "python manage.py migrate --no-input"
    assert services["migrate"]["restart"] == "no"
    assert "collectstatic --no-input" in lines
    assert "whitenoise.middleware.WhiteNoiseMiddleware" in settings.MIDDLEWARE


def test_the_image_holds_the_product_and_nothing_else():
    patterns = (ROOT / ".dockerignore").read_text().split()

    assert patterns[0] == "*"
    assert {one[1:] for one in patterns if one.startswith("!")} == {
        "apps",
        "config",
        "static",
        "templates",
        "manage.py",
    }
    assert "**/__pycache__" in patterns


def test_the_product_runs_without_what_the_image_leaves_out():
    """`local` and `test` are for a checkout; no image runs them."""
    for path in [*ROOT.glob("config/**/*.py"), *ROOT.glob("apps/**/*.py"), ROOT / "manage.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            left_out = {name.split(".")[0] for name in names} & {"sandbox", "tests", "benchmarks"}
            assert not left_out, f"{path} needs {left_out}"
