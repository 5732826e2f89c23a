"""What the broker and beat wake. All tasks are safe to run twice and at the same time."""

from celery import current_app, shared_task

from apps import clock
from apps.webhooks import services


@shared_task(name="webhooks.drain")
def drain(**_: object) -> None:
    """Take in waiting events and read what changed; come back for what is ready soon."""
    done = services.drain(now=clock.now())
    if done.again_in is not None:
        current_app.send_task("webhooks.drain", countdown=done.again_in, retry=False)


@shared_task(name="webhooks.catch_up")
def catch_up(**_: object) -> None:
    """After a gap or a restored backup, compare everything open with Stripe."""
    services.catch_up(now=clock.now())


@shared_task(name="webhooks.sweep_events")
def sweep_events(**_: object) -> None:
    """Fetch the events that never arrived, and read what they are about."""
    if services.sweep_events(now=clock.now()):
        current_app.send_task("webhooks.drain", retry=False)
