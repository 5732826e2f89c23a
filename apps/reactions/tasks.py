"""Woken by name after every change of a case, and by beat as a net."""

from celery import shared_task

from apps import clock
from apps.reactions import services


@shared_task(name="reactions.deliver")
def deliver(**_: object) -> None:
    """Fan out waiting case events; events made by the fan-out itself go out as well."""
    for _round in range(5):
        if not services.deliver(now=clock.now()):
            return
