"""Ids in, the clock here, one service call. Every task may run twice."""

from celery import shared_task
from kombu.exceptions import OperationalError

from apps import clock
from apps.integrations import services


@shared_task(name="integrations.send_due")
def send_due(**_: object) -> None:
    """Wake a worker for every delivery that is due; the rows are the queue."""
    for delivery_id in services.due_deliveries(now=clock.now()):
        # What no worker takes in time is found again by the next beat.
        send.apply_async(kwargs={"delivery_id": delivery_id}, expires=30)


@shared_task(name="integrations.send")
def send(*, delivery_id: int, **_: object) -> None:
    """Send one delivery, unless another worker has it."""
    services.send_delivery(delivery_id=delivery_id, now=clock.now())


@shared_task(name="integrations.forget")
def forget(**_: object) -> None:
    """Delete what was sent long ago."""
    services.forget(now=clock.now())


def wake() -> None:
    """Have due deliveries sent now; without a broker beat does it within seconds."""
    try:
        send_due.apply_async(retry=False)
    except (OperationalError, OSError):
        return
