"""What worker and beat do, done here and now: for the demo's past and its time machine.

It is the same work through the same services, so it may run beside real workers: rows are
claimed, and whoever comes second finds nothing to do.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Min, QuerySet
from django.utils import timezone

from apps.customer_payments import services as customer_payments
from apps.customer_payments.models import AccessEvent, AccessRun, AccessStep
from apps.dunning_emails import services as dunning_emails
from apps.dunning_emails.models import CheckoutVisit, Mail
from apps.dunning_emails.services import sending
from apps.reactions import services as reactions
from apps.recovery import services as recovery
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.webhooks import services as webhooks
from apps.webhooks.models import DirtyObject, InboxEvent

Now = Callable[[], dt.datetime]

# Rounds of work at one moment. One thing leads to the next a few times, not for ever.
_MOST_ROUNDS = 40


class NeverAtRest(RuntimeError):
    """Work leads to work without end at one moment of business time."""


def work(now: Now, *, doubting: bool = True) -> int:
    """Do once whatever is waiting; return how much that was.

    `doubting` reads open cases again from time to time, as a net under lost events. What nothing
    waits for is not asked: one look answers for a dozen questions.
    """
    if doubting:
        webhooks.mark_due_cases(now=now())
    drained = webhooks.drain(now=now(), at_once=True)
    done = drained.events + drained.objects
    if any(_count(_cases, now())):
        done += _go_on_with_cases(now)
    if any(_count(_consequences, now())):
        done += _draw_consequences(now)
    return done + customer_payments.sweep(now=now())


def _go_on_with_cases(now: Now) -> int:
    recovery.repeat_takeovers(now=now())
    recovery.repeat_fixes(now=now())
    due = recovery.due_attempts(now=now())
    for attempt_id in due:
        recovery.run_attempt(attempt_id=attempt_id, now=now())
    unsettled = recovery.unsettled_attempts()
    for attempt_id in unsettled:
        recovery.settle_attempt(attempt_id=attempt_id, now=now())
    over = recovery.cases_to_finish(now=now())
    for case_id in over:
        recovery.finish_case(case_id=case_id, now=now())
    visits = dunning_emails.visits_to_settle(now=now())
    for visit_id in visits:
        dunning_emails.settle_visit(visit_id=visit_id, now=now())
    return len(due) + len(over) + len(visits)


def _draw_consequences(now: Now) -> int:
    told = reactions.deliver(now=now())
    told += customer_payments.plan_runs(now=now())
    steps = customer_payments.due_steps(now=now())
    taken = sum(customer_payments.carry_out_step(step_id=one, now=now()) for one in steps)
    mails = sending.due_mails(now=now())
    if mails:
        sending.send_due(now=now())
    return told + taken + len(mails)


def settle(now: Now, *, deliver: Callable[[], int] = lambda: 0) -> None:
    """Work until nothing is left to do at this moment.

    `deliver` sends Stripe's letters that are due and returns how many.

    Raises:
        NeverAtRest: there is always more.
    """
    for _ in range(_MOST_ROUNDS):
        if not deliver() + work(now):
            return
    raise NeverAtRest("The product does not come to rest.")


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is left to do at one moment, by one look at the database.

    `waiting` counts also what another worker is busy with; `doubtful` what is asked about again
    from time to time, and is no reason to wait.
    """

    waiting: int
    doubtful: int

    @property
    def is_at_rest(self) -> bool:
        return not self.waiting

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.doubtful)


def pulse(now: dt.datetime) -> Pulse:
    """Count what is left to do at this moment of business time. One statement."""
    counts = _count(_left, now)
    return Pulse(waiting=sum(counts[:9]), doubtful=sum(counts[9:]))


# Moments in a statement that is written once and asked again and again.
_NOW = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)
_REAL = dt.datetime(1970, 1, 3, tzinfo=dt.UTC)
_SOON = dt.datetime(1970, 1, 4, tzinfo=dt.UTC)

_UNSETTLED = (Attempt.Status.RUNNING, Attempt.Status.UNKNOWN)


def _left() -> tuple[QuerySet[Any], ...]:
    running = Attempt.objects.filter(status=Attempt.Status.RUNNING)
    return (
        InboxEvent.objects.pending(),
        DirtyObject.objects.filter(not_before__lte=_SOON),
        Attempt.objects.due(now=_NOW),
        RecoveryCase.objects.open().filter(decide_by__lte=_NOW),
        running.filter(lease_until__gt=_REAL),
        CaseEvent.objects.undelivered().filter(delivery_tries=0),
        AccessStep.objects.due(now=_NOW),
        AccessRun.objects.unfinished(),
        Mail.objects.due(now=_NOW),
        running,
        Attempt.objects.filter(status=Attempt.Status.UNKNOWN),
        RecoveryCase.objects.open().filter(takeover=RecoveryCase.Takeover.WANTED),
    )


def _cases() -> tuple[QuerySet[Any], ...]:
    """All that `_go_on_with_cases` may find, and somewhat more."""
    cases = RecoveryCase.objects.open()
    return (
        cases.filter(takeover=RecoveryCase.Takeover.WANTED),
        cases.filter(fix_wanted_at__isnull=False),
        Attempt.objects.due(now=_NOW),
        Attempt.objects.filter(status__in=_UNSETTLED),
        cases.filter(next_step=RecoveryCase.Step.FINAL_ACTION, decide_by__lte=_NOW),
        CheckoutVisit.objects.unsettled().filter(look_at__lte=_NOW),
    )


def _consequences() -> tuple[QuerySet[Any], ...]:
    """All that `_draw_consequences` may find."""
    return (
        CaseEvent.objects.undelivered(),
        AccessEvent.objects.filter(told_at=None),
        AccessRun.objects.unfinished(),
        AccessStep.objects.due(now=_NOW),
        Mail.objects.due(now=_NOW),
    )


def _count(wanted: Callable[[], tuple[QuerySet[Any], ...]], now: dt.datetime) -> list[int]:
    sql, values = _statement(wanted)
    real = timezone.now()
    moments = {_NOW: now, _REAL: real, _SOON: real + dt.timedelta(seconds=10)}
    given = [moments.get(one, one) if isinstance(one, dt.datetime) else one for one in values]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return list(cursor.fetchone())


@cache
def _statement(wanted: Callable[[], tuple[QuerySet[Any], ...]]) -> tuple[str, tuple[Any, ...]]:
    """Write one statement that counts the rows of each; Django takes longer than PostgreSQL."""
    parts: list[str] = []
    values: list[Any] = []
    for number, rows in enumerate(wanted()):
        sql, params = rows.order_by().values("pk").query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS rows_{number})")  # noqa: S608 - Django's SQL
        values += params
    return f"SELECT {', '.join(parts)}", tuple(values)


def hurry_reads() -> None:
    """Read at once what could not be read while Stripe was away, instead of some minutes later."""
    DirtyObject.objects.filter(failures__gt=0).update(not_before=timezone.now())


def is_due(now: dt.datetime) -> bool:
    """Tell whether a charge or a final action is due."""
    return Attempt.objects.due(now=now).exists() or bool(recovery.cases_to_finish(now=now, limit=1))


def next_due_at(now: dt.datetime, *, doubting: bool = True) -> dt.datetime | None:
    """Say when, after `now`, the product does something by itself next."""
    attempts = Attempt.objects.filter(
        status=Attempt.Status.SCHEDULED, case__status=RecoveryCase.Status.OPEN, due_at__gt=now
    )
    steps = AccessStep.objects.filter(status=AccessStep.Status.PLANNED, due_at__gt=now)
    decisions = RecoveryCase.objects.open().filter(decide_by__gt=now)
    if not doubting:
        decisions = decisions.filter(next_step=RecoveryCase.Step.FINAL_ACTION)
    mails = Mail.objects.filter(status=Mail.Status.SCHEDULED, due_at__gt=now)
    moments = (
        mails.aggregate(at=Min("due_at"))["at"],
        attempts.aggregate(at=Min("due_at"))["at"],
        steps.aggregate(at=Min("due_at"))["at"],
        decisions.aggregate(at=Min("decide_by"))["at"],
    )
    return min((moment for moment in moments if moment is not None), default=None)
