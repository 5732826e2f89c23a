"""Prepare the demo's data, wait until everything works, and say where to click."""

import logging
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import django
from django.core.management import call_command

from config.embedded import VAR_DIR
from sandbox.demo.plan import EMAIL, PASSWORD, READY_FILE, Plan, current_plan, log_file

_PATIENCE_SECONDS = 120
_POLITENESS = 10
"""How far the import steps back behind the demo's other processes."""
_CALLS_A_SECOND = 25.0
_SAID_EVERY = 5


def main() -> None:
    """Go through the start step by step, then wait for the end."""
    # honcho ends its processes by SIGTERM; that is no failure of this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    started = time.monotonic()
    plan = current_plan()
    # Wakes for workers that do not run yet go nowhere.
    os.environ["CELERY_BROKER_URL"] = "memory://localhost"
    django.setup()
    logging.disable(logging.INFO)
    log_into(log_file("data"))
    call_command("migrate", interactive=False, verbosity=0)
    _say(f"Database ready ({time.monotonic() - started:.1f} s)")
    # Models need Django set up before they are imported.
    if plan.sandbox_port:
        from sandbox.demo.population import populate

        populate(say=_say)
    else:
        from sandbox.demo.merchant import prepare_merchant

        prepare_merchant(own_stripe=True)
    _say(f"Data ready ({time.monotonic() - started:.1f} s)")
    READY_FILE.touch()
    if plan.sandbox_port:
        _wait_for(f"http://127.0.0.1:{plan.sandbox_port}/", any_answer=True, what="local Stripe")
    _wait_for(f"http://127.0.0.1:{plan.port}/healthz", what="web, worker and beat")
    _say(f"Web, worker and beat ready ({time.monotonic() - started:.1f} s)")
    _say(_directions(plan))
    if plan.sandbox_port:
        _bring_history_in()
    signal.pause()


def log_into(file: Path) -> None:
    """Keep log lines off the terminal, where a newcomer reads how far the demo is."""
    lines = file.open("w", buffering=1)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(lines)


def _bring_history_in() -> None:
    """Import what is not here yet, beside the pages, and say how far it is.

    The worker does the same where this process is away; one of them at a time.
    """
    # Models need Django set up before they are imported.
    from apps import clock
    from apps.webhooks.models import ImportRun
    from apps.webhooks.pace import Pace
    from apps.webhooks.queries import import_progress
    from apps.webhooks.services.importing import go_on
    from sandbox.console.machine import TimeMachine

    pace, said_at = Pace(_CALLS_A_SECOND), 0.0
    # Pages, webhooks, charges and the time machine come first.
    os.nice(_POLITENESS)
    machine = TimeMachine(VAR_DIR / "sandbox")
    while run := ImportRun.objects.unfinished().select_related("merchant").first():
        if (journey := machine.last()) and not journey.is_over:
            time.sleep(1)
            continue
        step = go_on(run_id=run.pk, now=clock.now(), pace=pace, seconds=1)
        progress = import_progress(run.merchant)
        is_over = progress is None or not progress.is_running
        if progress and (is_over or time.monotonic() - said_at > _SAID_EVERY):
            said_at = time.monotonic()
            _say(f"  History: {progress.words}")
        if not is_over:
            time.sleep(1 if step.again_in is None else min(step.again_in, 5))


def _directions(plan: Plan) -> str:
    lines = [
        "",
        f"  Recoup      {plan.address}/",
        f"  Sign in     {EMAIL}   password {PASSWORD}",
        "",
    ]
    if plan.sandbox_port:
        lines += [
            "  Payments fail on their own within a minute: Sales > Transactions shows Retrying,",
            "  a click on the row its case. The bar at the top of each page moves the local",
            "  Stripe's clock by an hour, a day or a week; Stories there makes cards and Stripe fail.",
        ]
    else:
        lines += [
            "  This demo talks to the real Stripe with your STRIPE_SECRET_KEY. Recoup only watches",
            "  until you choose otherwise in Settings > Retry settings. Let Stripe's events come in with",
            f"  stripe listen --forward-to localhost:{plan.port}/webhooks/stripe/",
            "  and start again with the STRIPE_WEBHOOK_SECRET it prints.",
        ]
    lines += ["", "  Logs of each process: var/demo/*.log      Stop: Ctrl-C", ""]
    return "\n".join(lines)


def _wait_for(url: str, *, what: str, any_answer: bool = False) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    answer = "no answer"
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            answer = error.read().decode(errors="replace")
            if any_answer:
                return
        except OSError as error:
            answer = str(error)
        time.sleep(0.1)
    _say(f"The {what} did not become ready within {_PATIENCE_SECONDS} s: {answer}")
    sys.exit(1)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    with suppress(KeyboardInterrupt):
        main()
