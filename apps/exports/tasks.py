"""Woken by name when an export is asked for, and by beat as a net."""

from celery import shared_task
from django.utils import timezone

from apps import clock
from apps.exports import services

LONGEST = 60 * 60
"""Seconds; far longer than any file takes."""


@shared_task(name="exports.run_all", time_limit=LONGEST)
def run_all(**_: object) -> None:
    """Run what is queued or was left by a dead worker, one after another, and tell who asked."""
    for export_id in services.claimable_exports(real_now=timezone.now()):
        services.run_export(export_id=export_id, now=clock.now())
        services.mail_export(export_id=export_id, now=clock.now())


@shared_task(name="exports.tidy")
def tidy(**_: object) -> None:
    """Delete files past their time, and send mails that could not be sent."""
    now = clock.now()
    for export_id in services.unmailed_exports(now=now):
        services.mail_export(export_id=export_id, now=now)
    services.expire_exports(now=now)
