"""The mirror's wake-up. Leases and waits are real time: business time may jump."""

from celery import shared_task
from django.utils import timezone

from apps.stripe_gateway.mirror import sync_backlog


@shared_task(name="stripe_gateway.mirror", ignore_result=True)
def mirror(**_: object) -> None:
    """Hand what was read from Stripe to dj-stripe's tables; safe to run twice at once."""
    sync_backlog(now=timezone.now())
