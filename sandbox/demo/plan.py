"""What the demo runs, where, and with which environment. Starts nothing."""

import os
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.embedded import CHECKOUT, VAR_DIR, database_url, postgres_dir

DEMO_DIR = VAR_DIR / "demo"
READY_FILE = DEMO_DIR / "ready"

MERCHANT = "Willow Studio"
EMAIL = "demo@example.com"
# Printed at every start; the demo listens on this machine alone.
PASSWORD = "watch-it-recover"  # noqa: S105


class DemoError(Exception):
    """Why the demo cannot start, in one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One demo: its addresses, and whether the local Stripe stands in for the real one."""

    port: int
    sandbox_port: int | None
    data: Path | None
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def commands(self) -> dict[str, str]:
        """Give the processes by name, as shell commands.

        Each leaves its number behind, so that the next start finds what a killed demo left. All
        wait until the guide has prepared the data.
        """
        python = shlex.quote(sys.executable)
        # What takes seconds to import does so while the guide makes the data.
        warm = f"exec {python} -m sandbox.demo.warm"
        until_ready = f"until [ -e {shlex.quote(str(READY_FILE))} ]; do sleep 0.1; done"
        # Threads: honcho signals whole groups, which leaves a forking worker without children.
        quiet = "--pool threads --without-gossip --without-mingle --loglevel INFO"
        commands = {
            "web": f"{warm} gunicorn config.wsgi --bind 127.0.0.1:{self.port} --no-control-socket"
            " --worker-class gthread --threads 8 --timeout 120 --graceful-timeout 2",
            "worker": f"{warm} celery --app config worker --queues money,default"
            f" --concurrency 4 {quiet}",
            # Import, mirror and figures get what the others leave of the machine.
            "background": f"{until_ready}; exec nice -n 10 {python} -m celery --app config worker"
            f" --queues low --concurrency 2 {quiet}",
            "beat": f"{warm} celery --app config beat --loglevel WARNING --pidfile=",
        }
        if self.sandbox_port is not None:
            commands["stripe"] = f"{until_ready}; exec {python} -m sandbox.server"
        commands["guide"] = f"exec {python} -m sandbox.demo.guide"
        if self.data is not None:
            # Without its database the rest would only fail; as a process its end is everybody's.
            server = shlex.quote(str(self.data / "postmaster.pid"))
            commands["database"] = (
                f"server=$(head -n 1 {server});"
                " while kill -0 $server 2>/dev/null; do sleep 1; done; echo The database ended."
            )
        return {
            name: f"echo $$ > {shlex.quote(str(pid_file(name)))}; {line}"
            for name, line in commands.items()
        }


def pid_file(name: str) -> Path:
    """Give the file with the number of one of the demo's processes."""
    return DEMO_DIR / f"{name}.pid"


def log_file(name: str) -> Path:
    """Give the file with what one of the demo's processes printed."""
    return DEMO_DIR / f"{name}.log"


def make_plan(environment: Mapping[str, str]) -> Plan:
    """Read the environment; what is set there wins over the demo's own choices.

    Raises:
        DemoError: a port is not a number.
    """
    port = _port(environment, "PORT", 8000)
    real_stripe = bool(environment.get("STRIPE_SECRET_KEY"))
    sandbox_port = None if real_stripe else _port(environment, "SANDBOX_PORT", 8010)
    data = None if environment.get("DATABASE_URL") else postgres_dir("pg")
    # No key: the settings choose the local Stripe where none is set.
    ours = {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "PORT": str(port),
        "VAR_DIR": str(VAR_DIR),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
        # The guide checks once for all.
        "CELERY_SKIP_CHECKS": "1",
        "STRIPE_WEBHOOK_SECRET": _webhook_secret(),
    }
    if sandbox_port:
        ours["SANDBOX_PORT"] = str(sandbox_port)
    if data:
        ours["DATABASE_URL"] = database_url(data)
    given = {name: value for name, value in environment.items() if value}
    return Plan(port=port, sandbox_port=sandbox_port, data=data, environment=ours | given)


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise DemoError(f"{name} is “{text}”; it must be a port number such as {default}.")
    return int(text)


def _webhook_secret() -> str:
    """Give the secret that sandbox and product share; it lives as long as the demo's data."""
    path = DEMO_DIR / "webhook-secret"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"whsec_{secrets.token_hex(16)}")
    return path.read_text()


def current_plan() -> Plan:
    """Give the plan of this process's environment."""
    return make_plan(os.environ)
