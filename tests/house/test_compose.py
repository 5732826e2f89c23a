"""docker-compose.yml says what the settings need, and gives nobody more than they need."""

import re

import pytest
import yaml
from django.conf import settings

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
