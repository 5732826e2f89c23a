"""Ids in, the clock here, one service call. Every task may run twice."""

from celery import shared_task

from apps import clock
from apps.recovery import services
from apps.recovery.services import bulk


@shared_task(name="recovery.start_due_attempts")
def start_due_attempts(**_: object) -> None:
    """Wake a worker for every attempt that is due; the rows are the queue."""
    for attempt_id in services.due_attempts(now=clock.now()):
        run_attempt.delay(attempt_id=attempt_id)


@shared_task(name="recovery.run_attempt")
def run_attempt(*, attempt_id: int, **_: object) -> None:
    """Charge one due attempt, unless another worker was first."""
    services.run_attempt(attempt_id=attempt_id, now=clock.now())


@shared_task(name="recovery.carry_out")
def carry_out(*, attempt_id: int, **_: object) -> None:
    """Bring an attempt to its end that was claimed as a person asked for it."""
    services.carry_out(attempt_id=attempt_id, now=clock.now())


@shared_task(name="recovery.settle_attempts")
def settle_attempts(**_: object) -> None:
    """Find out what became of attempts whose worker died or whose answer was lost."""
    for attempt_id in services.unsettled_attempts():
        services.settle_attempt(attempt_id=attempt_id, now=clock.now())


@shared_task(name="recovery.advance_cases")
def advance_cases(**_: object) -> None:
    """Repeat what is not confirmed yet, and carry out the end of what is over."""
    now = clock.now()
    services.repeat_takeovers(now=now)
    services.repeat_fixes(now=now)
    for case_id in services.cases_to_finish(now=now):
        services.finish_case(case_id=case_id, now=now)
    for run_id in bulk.idle_runs():
        run_bulk.delay(run_id=run_id)


@shared_task(name="recovery.run_bulk")
def run_bulk(*, run_id: int, **_: object) -> None:
    """Carry out what a person asked for many cases, a slice at a time."""
    if bulk.run_bulk(run_id=run_id, clock_now=clock.now):
        run_bulk.delay(run_id=run_id)
