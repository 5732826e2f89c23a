"""What beat wakes to watch over the installation."""

import datetime as dt

from celery import shared_task

from apps import clock
from apps.overview import services


@shared_task(name="overview.check_invariants")
def check_invariants(**_: object) -> None:
    """Ask the rules that must never break."""
    services.check_invariants(now=clock.now(), real_now=dt.datetime.now(dt.UTC))
