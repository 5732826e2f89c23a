"""README, lock files and hooks say what is true."""

import re
import tomllib

import pytest
import yaml
from django.conf import settings

ROOT = settings.BASE_DIR
LOCKS = ["production.txt", "development.txt"]


def readme_names() -> set[str]:
    """Collect the names in the README's table of the environment."""
    section = (ROOT / "README.md").read_text().split("## Environment\n")[1].split("\n## ")[0]
    table = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    return {name for cell in table for name in re.findall(r"`(\w+)`", cell)}


def names_read() -> set[str]:
    """Collect the names that settings and demo read from the environment."""
    found: set[str] = set()
    for path in [*ROOT.glob("config/**/*.py"), *ROOT.glob("sandbox/demo/*.py")]:
        found.update(
            re.findall(
                r'(?:env\.\w+|environ(?:ment)?\.get|_port)\([^"()]*"([A-Z_]+)"', path.read_text()
            )
        )
    return found


def test_the_readme_lists_every_name_of_the_environment_and_no_other():
    assert {"SECRET_KEY", "PORT", "VAR_DIR", "LOOP_INTERVAL_SECONDS"} <= names_read()
    assert readme_names() == names_read()


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_host(name):
    text = (ROOT / "config/requirements" / name).read_text()

    assert "--hash=sha256:" in text
    assert not re.search(
        r"://|^\s*--?(extra-)?(i|index-url|find-links|trusted-host)\b", text, re.MULTILINE
    )


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_every_declared_package(name):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = list(project["dependencies"])
    if name == "development.txt":
        declared += project["optional-dependencies"]["dev"]
    locked = re.findall(
        r"^([\w.-]+)==", (ROOT / "config/requirements" / name).read_text(), re.MULTILINE
    )

    missing = {bare(text) for text in declared} - {bare(text) for text in locked}

    assert not missing


def bare(requirement: str) -> str:
    """Give a requirement's name as indexes compare it."""
    match = re.match(r"[\w.-]+", requirement)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_hooks_fetch_nothing():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    assert [repo["repo"] for repo in repos] == ["local"]
    assert {hook["language"] for hook in repos[0]["hooks"]} == {"system"}


def test_commands_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    found = [
        *ROOT.glob("apps/*/management/commands/*.py"),
        *ROOT.glob("sandbox/*/management/commands/*.py"),
    ]
    commands = {path.stem for path in found}
    managed = set(re.findall(r"manage\.py (\w+)", (ROOT / "README.md").read_text()))

    assert {"demo", "test", "check"} <= named
    assert not named - targets
    assert not managed - commands - {"createsuperuser"}


def test_figures_to_alarm_on_exist():
    named = set(re.findall(r"`(recoup_\w+)", (ROOT / "README.md").read_text()))
    given = set(re.findall(r'"(recoup_\w+)"', (ROOT / "apps/overview/metrics.py").read_text()))

    assert len(named) > 8
    assert not {name.removesuffix("_total") for name in named} - given
