"""What beat wakes to watch over the installation."""

import datetime as dt

from celery import shared_task

from apps import clock
from apps.overview import services
from apps.overview.watch import watch_everybody
from apps.overview.weekly import review_everybody


@shared_task(name="overview.check_invariants")
def check_invariants(**_: object) -> None:
    """Ask the rules that must never break."""
    services.check_invariants(now=clock.now(), real_now=dt.datetime.now(dt.UTC))


@shared_task(name="overview.watch")
def watch(**_: object) -> None:
    """Look for what merchants must hear about, and mail what is new; review weeks that are over."""
    now = clock.now()
    watch_everybody(now=now, real_now=dt.datetime.now(dt.UTC))
    review_everybody(now=now)
