"""Defaults for a bare machine: where things live under `var/`. Starts no process."""

import hashlib
import os
import tempfile
from pathlib import Path
from urllib.parse import quote

CHECKOUT = Path(__file__).resolve().parents[1]
VAR_DIR = Path(os.environ.get("VAR_DIR") or CHECKOUT / "var").resolve()

# sun_path is 104 bytes on macOS and 108 on Linux; PostgreSQL appends its own file name.
_LONGEST_SOCKET = 103


def checkout_tag() -> str:
    """Give a short word that differs between two checkouts on one machine."""
    return hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:8]


def postgres_dir(name: str) -> Path:
    """Give the data folder of an embedded server: "pg" for the demo, "pg-test" for the tests."""
    return VAR_DIR / name


def socket_dir(data: Path) -> Path:
    """Give the folder of a server's Unix socket: its data folder, unless the path is too long."""
    if len(os.fsencode(data / ".s.PGSQL.5432")) <= _LONGEST_SOCKET:
        return data
    tag = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"recoup-{os.getuid()}-{tag}"


def database_url(data: Path, name: str = "recoup") -> str:
    """Give the address of a database of an embedded server; libpq and Django both read it."""
    return f"postgresql://postgres@/{name}?host={quote(str(socket_dir(data)), safe='')}"


def broker_folders() -> tuple[Path, Path]:
    """Give the folders of the `filesystem://` broker: messages, and its exchange tables."""
    return VAR_DIR / "broker" / "messages", VAR_DIR / "broker" / "control"


def stripe_address() -> str:
    """Give the real Stripe's address to whoever brings a key, else that of the local one."""
    if os.environ.get("STRIPE_SECRET_KEY"):
        return "https://api.stripe.com"
    return f"http://127.0.0.1:{os.environ.get('SANDBOX_PORT') or 8010}"


def default_environment() -> dict[str, str]:
    """Give the environment of the demo; what is already set wins."""
    return {
        "SECRET_KEY": "local-only-" + "x" * 50,
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "DATABASE_URL": database_url(postgres_dir("pg")),
        "CELERY_BROKER_URL": "filesystem://localhost",
        "PUBLIC_URL": f"http://localhost:{os.environ.get('PORT') or 8000}",
        "DEFAULT_FROM_EMAIL": "recoup@example.com",
        "STRIPE_SECRET_KEY": "sk_test_sandboxsandboxsandbox0000",
        "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
        "STRIPE_API_BASE": stripe_address(),
        "LOOP_INTERVAL_SECONDS": "2",
    }


def test_environment() -> dict[str, str]:
    """Give the environment of the tests; what is already set wins."""
    return default_environment() | {
        "SECRET_KEY": "tests-only-" + "x" * 50,
        "DATABASE_URL": database_url(postgres_dir("pg-test")),
        "CELERY_BROKER_URL": "memory://localhost",
        "STRIPE_API_BASE": "https://api.stripe.com",
    }
