"""What the broker and beat wake. All tasks are safe to run twice and at the same time."""

from celery import current_app, shared_task

from apps import clock
from apps.accounts.models import Merchant
from apps.webhooks import services
from apps.webhooks.pace import Pace
from apps.webhooks.services.importing import go_on_with_all, start_import
from apps.webhooks.services.reconciling import reconcile_all

STRETCH = 5.0
"""Seconds of real time an import works at a stretch, so that nothing waits long behind it."""


@shared_task(name="webhooks.drain")
def drain(**_: object) -> None:
    """Take in waiting events and read what changed; come back for what is ready soon."""
    done = services.drain(now=clock.now())
    if done.again_in is not None:
        current_app.send_task("webhooks.drain", countdown=done.again_in, retry=False)


@shared_task(name="webhooks.read_due_cases")
def read_due_cases(**_: object) -> None:
    """Read again the invoices of cases whose time to decide has come."""
    if services.mark_due_cases(now=clock.now()):
        current_app.send_task("webhooks.drain", retry=False)


@shared_task(name="webhooks.catch_up")
def catch_up(**_: object) -> None:
    """After a gap or a restored backup, compare everything open with Stripe."""
    services.catch_up(now=clock.now())


@shared_task(name="webhooks.sweep_events")
def sweep_events(**_: object) -> None:
    """Fetch the events that never arrived, and read what they are about."""
    if services.sweep_events(now=clock.now()):
        current_app.send_task("webhooks.drain", retry=False)


@shared_task(name="webhooks.import_history")
def import_history(*, merchant_id: int | None = None, **_: object) -> None:
    """Begin an import if a merchant is named, and give all unfinished ones a stretch."""
    now = clock.now()
    if merchant_id is not None:
        start_import(merchant=Merchant.objects.get(pk=merchant_id), now=now)
    again_in = go_on_with_all(now=now, pace=Pace(), seconds=STRETCH)
    if again_in is not None:
        current_app.send_task("webhooks.import_history", countdown=again_in, retry=False)


@shared_task(name="webhooks.reconcile")
def reconcile(**_: object) -> None:
    """Compare what is owed with Stripe, and have read again what differs."""
    if reconcile_all(now=clock.now(), pace=Pace()):
        current_app.send_task("webhooks.drain", retry=False)
