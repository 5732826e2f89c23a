"""What worker and beat do, done here and now: for the demo's past and its time machine.

It is the same work through the same services, so it may run beside real workers: rows are
claimed, and whoever comes second finds nothing to do.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
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
Step = RecoveryCase.Step

# Rounds of work at one moment. One thing leads to the next a few times, not for ever.
_MOST_ROUNDS = 40


class NeverAtRest(RuntimeError):
    """Work leads to work without end at one moment of business time."""


class Again(Enum):
    """Which open cases are read again when their time to decide has come, without an event.

    Some wait for a moment: a customer's time runs out, Stripe has set no further try. The others
    are read from time to time as a net under lost events.
    """

    NEVER = "never"
    WAITS = "waits"
    ALL = "all"


def work(now: Now, *, again: Again = Again.ALL, seen: "Pulse | None" = None) -> int:
    """Do once whatever is waiting; return how much that was.

    `seen` is a look taken just now. What nothing waits for is not asked: one look answers for a
    dozen questions.
    """
    pulse_now = seen or pulse(now())
    done = 0
    if (again != Again.NEVER and pulse_now.waits) or (again == Again.ALL and pulse_now.doubts):
        done = webhooks.mark_due_cases(now=now())
    if done or pulse_now.reads:
        drained = webhooks.drain(now=now(), at_once=True)
        done = drained.events + drained.objects
        pulse_now = pulse(now())
    if pulse_now.cases:
        done += _go_on_with_cases(now)
        pulse_now = pulse(now())
    if pulse_now.consequences:
        done += _draw_consequences(now)
    return done + customer_payments.sweep(now=now()) if done else 0


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

    `waiting` counts what must be done before the moment is over, also what another worker is busy
    with; the others count what there is for each part of `work`, and perhaps somewhat more.
    `waits` and `doubts` are the cases to be read again, as `Again` tells them apart.
    """

    waiting: int
    reads: int
    waits: int
    doubts: int
    cases: int
    consequences: int

    @property
    def is_at_rest(self) -> bool:
        return not self.waiting

    @property
    def has_work(self) -> bool:
        """Tell whether there is anything to do, doubts apart."""
        return bool(self.waiting or self.reads or self.cases or self.consequences)


def pulse(now: dt.datetime) -> Pulse:
    """Count what is left to do at this moment of business time. One statement."""
    (
        events,
        objects,
        ready,
        attempts,
        leased,
        unsettled,
        takeovers,
        fixes,
        waits,
        doubts,
        ends,
        visits,
        told,
        untold,
        changes,
        runs,
        steps,
        mails,
    ) = _count(now)
    return Pulse(
        waiting=events + ready + attempts + leased + waits + ends + untold + runs + steps + mails,
        reads=events + objects,
        waits=waits,
        doubts=doubts,
        cases=attempts + unsettled + takeovers + fixes + ends + visits,
        consequences=told + changes + runs + steps + mails,
    )


# Moments in a statement that is written once and asked again and again.
_NOW = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)
_REAL = dt.datetime(1970, 1, 3, tzinfo=dt.UTC)
_SOON = dt.datetime(1970, 1, 4, tzinfo=dt.UTC)

SOON = dt.timedelta(seconds=10)
"""What becomes ready within this span of real time is waited for."""

_ENDS = Q(next_step=Step.FINAL_ACTION)
_DOUBTED = Q(next_step__in=(Step.RETRY, Step.HELD, Step.PROCESSING, Step.CHECKING)) | Q(
    next_step=Step.STRIPE, next_try_at__isnull=False
)
"""Cases that only an event, an attempt or a person moves on; the rest wait for a moment as well."""

_UNSETTLED = (Attempt.Status.RUNNING, Attempt.Status.UNKNOWN)


def _left() -> tuple[QuerySet[Any], ...]:
    """All that may be left to do, in the order in which `pulse` takes the counts."""
    cases = RecoveryCase.objects.open()
    decisions = cases.filter(decide_by__lte=_NOW)
    attempts = Attempt.objects.filter(status__in=_UNSETTLED)
    events = CaseEvent.objects.undelivered()
    return (
        InboxEvent.objects.pending(),
        DirtyObject.objects.ready_at_once(),
        DirtyObject.objects.filter(not_before__lte=_SOON),
        Attempt.objects.due(now=_NOW),
        attempts.filter(status=Attempt.Status.RUNNING, lease_until__gt=_REAL),
        attempts,
        cases.filter(takeover=RecoveryCase.Takeover.WANTED),
        cases.filter(fix_wanted_at__isnull=False),
        decisions.exclude(_ENDS).exclude(_DOUBTED),
        decisions.filter(_DOUBTED),
        decisions.filter(_ENDS),
        CheckoutVisit.objects.unsettled().filter(look_at__lte=_NOW),
        events.filter(delivery_tries__lt=reactions.MOST_TRIES),
        events.filter(delivery_tries=0),
        AccessEvent.objects.filter(told_at=None),
        AccessRun.objects.unfinished(),
        AccessStep.objects.due(now=_NOW),
        Mail.objects.due(now=_NOW),
    )


def _count(now: dt.datetime) -> list[int]:
    sql, values = _counts()
    real = timezone.now()
    return list(_asked(sql, values, {_NOW: now, _REAL: real, _SOON: real + SOON}))


@cache
def _counts() -> tuple[str, tuple[Any, ...]]:
    """Write one statement that counts the rows of each; Django takes longer than PostgreSQL."""
    return _joined([("count(*)", rows.values("pk")) for rows in _left()], "SELECT {}")


@cache
def _soonest(again: Again) -> tuple[str, tuple[Any, ...]]:
    """Write one statement that finds the first of all moments at which something is due."""
    decisions = RecoveryCase.objects.open().filter(decide_by__gt=_NOW)
    if again == Again.NEVER:
        decisions = decisions.filter(_ENDS)
    elif again == Again.WAITS:
        decisions = decisions.exclude(_DOUBTED)
    waiting = (
        Mail.objects.filter(status=Mail.Status.SCHEDULED, due_at__gt=_NOW).values(at=F("due_at")),
        Attempt.objects.filter(
            status=Attempt.Status.SCHEDULED, case__status=RecoveryCase.Status.OPEN, due_at__gt=_NOW
        ).values(at=F("due_at")),
        AccessStep.objects.filter(status=AccessStep.Status.PLANNED, due_at__gt=_NOW).values(
            at=F("due_at")
        ),
        decisions.values(at=F("decide_by")),
    )
    return _joined([("min(at)", rows) for rows in waiting], "SELECT LEAST({})")


def _joined(
    parts: Sequence[tuple[str, QuerySet[Any, Any]]], whole: str
) -> tuple[str, tuple[Any, ...]]:
    written: list[str] = []
    values: list[Any] = []
    for number, (what, rows) in enumerate(parts):
        sql, params = rows.order_by().query.sql_with_params()
        written.append(f"(SELECT {what} FROM ({sql}) AS rows_{number})")  # noqa: S608 - Django's SQL
        values += params
    return whole.format(", ".join(written)), tuple(values)


def _asked(
    sql: str, values: Sequence[Any], moments: dict[dt.datetime, dt.datetime]
) -> tuple[Any, ...]:
    """Ask a statement that was written once, with the moments of now."""
    given = [moments.get(one, one) if isinstance(one, dt.datetime) else one for one in values]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return tuple(cursor.fetchone())


def hurry_reads() -> None:
    """Read at once what could not be read while Stripe was away, instead of some minutes later."""
    DirtyObject.objects.filter(failures__gt=0).update(not_before=timezone.now())


def is_due(now: dt.datetime) -> bool:
    """Tell whether a charge or a final action is due."""
    return Attempt.objects.due(now=now).exists() or bool(recovery.cases_to_finish(now=now, limit=1))


def next_due_at(now: dt.datetime, *, again: Again = Again.ALL) -> dt.datetime | None:
    """Say when, after `now`, the product does something by itself next. One statement."""
    sql, values = _soonest(again)
    (moment,) = _asked(sql, values, {_NOW: now})
    return moment if isinstance(moment, dt.datetime) else None
