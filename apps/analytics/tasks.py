"""Count the days that changed."""

from celery import shared_task

from apps.analytics import services


@shared_task(name="analytics.count_days")
def count_days(**_: object) -> None:
    """Count marked days until none is left, or until the next tick goes on."""
    services.count_days(limit=200)
