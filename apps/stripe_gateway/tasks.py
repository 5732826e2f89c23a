"""The mirror's wake-up. Leases and waits are real time: business time may jump."""

from celery import current_app, shared_task
from django.utils import timezone

from apps.stripe_gateway.mirror import sync_backlog

AT_ONCE = 200


@shared_task(name="stripe_gateway.mirror", ignore_result=True)
def mirror(**_: object) -> None:
    """Hand what was read from Stripe to dj-stripe's tables; safe to run twice at once.

    Goes on at once while a run takes all it may: an import leaves thousands.
    """
    if sync_backlog(now=timezone.now(), limit=AT_ONCE) == AT_ONCE:
        current_app.send_task("stripe_gateway.mirror", retry=False)
