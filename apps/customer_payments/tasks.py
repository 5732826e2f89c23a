"""Ids in, the clock here, one service call. Every task may run twice."""

import logging
import time

from celery import shared_task
from kombu.exceptions import OperationalError

from apps import clock
from apps.customer_payments import services

logger = logging.getLogger(__name__)

SECONDS = 60.0


@shared_task(name="customer_payments.take_due_steps")
def take_due_steps(**_: object) -> None:
    """Plan what saved settings ask for, and carry out the access steps whose time has come.

    A step that fails holds up no other. Stripe may be slow: after a minute the rest is left to the
    next beat, and so is a run whose worker died.
    """
    until = time.monotonic() + SECONDS
    services.plan_runs(now=clock.now(), seconds=SECONDS / 2)
    for step_id in services.due_steps(now=clock.now()):
        if time.monotonic() > until:
            return
        try:
            services.carry_out_step(step_id=step_id, now=clock.now())
        except Exception:  # whatever it is, the step stays planned and the others go on
            logger.exception("Access step %s could not be carried out", step_id)


@shared_task(name="customer_payments.sweep")
def sweep(**_: object) -> None:
    """Give access back after later payments, and take it after refunds where chosen."""
    services.sweep(now=clock.now())


def wake() -> None:
    """Have due steps taken now; without a broker beat does it within a minute."""
    try:
        take_due_steps.apply_async(retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker is not reachable; due access steps wait for the beat.")
