"""Defaults for a bare machine: where things live under `var/`. Starts no process."""

from pathlib import Path

VAR_DIR = Path(__file__).resolve().parents[1] / "var"


def default_environment() -> dict[str, str]:
    """Give the environment of the demo; what is already set wins."""
    return {
        "SECRET_KEY": "local-only-" + "x" * 50,
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "DATABASE_URL": "postgresql://postgres@127.0.0.1:5432/recoup",
        "CELERY_BROKER_URL": "filesystem://",
        "DEFAULT_FROM_EMAIL": "recoup@example.com",
        "STRIPE_SECRET_KEY": "sk_test_sandboxsandboxsandbox0000",
        "STRIPE_WEBHOOK_SECRET": "whsec_sandbox",
        "STRIPE_API_BASE": "http://127.0.0.1:8010",
        "LOOP_INTERVAL_SECONDS": "2",
    }


def test_environment() -> dict[str, str]:
    """Give the environment of the tests; what is already set wins."""
    return default_environment() | {
        "SECRET_KEY": "tests-only-" + "x" * 50,
        "CELERY_BROKER_URL": "memory://",
        "STRIPE_API_BASE": "https://api.stripe.com",
        "DEFAULT_FROM_EMAIL": "recoup@example.com",
    }
