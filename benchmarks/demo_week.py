"""How long the running demo's time machine takes for a week: `python -m benchmarks.demo_week`.

Beside `make demo`, with the same VAR_DIR, PORT and SANDBOX_PORT. Moves that demo's clock.
"""

import logging
import os
import sys
import time

import django

HOURS = 168


def main() -> int:
    """Move the clock by a week and print how long it took and what happened."""
    from sandbox.demo.plan import current_plan

    os.environ.update(current_plan().environment)
    # The demo's own workers are woken by its webhooks.
    os.environ["CELERY_BROKER_URL"] = "memory://localhost"
    django.setup()
    logging.disable(logging.INFO)
    # Models need Django set up before they are imported.
    from config.celery import app
    from config.embedded import VAR_DIR
    from sandbox.console.machine import Journey, TimeMachine

    app.send_task = lambda *_args, **_options: None  # type: ignore[assignment,method-assign]
    started, used = time.monotonic(), time.process_time()
    journey = TimeMachine(VAR_DIR / "sandbox").travel(Journey(id="benchmark", hours=HOURS))
    sys.stdout.write(
        f"{HOURS} hours in {time.monotonic() - started:.1f} s "
        f"({time.process_time() - used:.1f} s of CPU here): {journey.failed} failed, "
        f"{journey.recovered} recovered, {journey.lost} lost. {journey.trouble}\n"
    )
    return 1 if journey.trouble else 0


if __name__ == "__main__":
    sys.exit(main())
