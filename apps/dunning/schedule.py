"""Which schedule a decline follows, and the moment of one of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from apps.dunning.codes import CodeRow, lookup
from apps.dunning.facts import CaseFacts, Decline
from apps.dunning.limits import DEBIT_SCHEMES
from apps.dunning.rules import MAX_DAYS, MINIMUM_GAP, RetryRules, Step
from apps.dunning.timing import Payday, moment, next_at, paydays_near, wall_time, zone_of

UNKNOWN_TRIES = 3
"""Retries after declines with a code nobody knows."""

_ALLOWED = {"unknown": UNKNOWN_TRIES, "retry_once": 1}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """When a step comes; `payday` if it was moved to one."""

    at: datetime
    payday: Payday | None = None


def ladder_for(facts: CaseFacts, rules: RetryRules, row: CodeRow) -> tuple[Step, ...]:
    """Return the steps that a decline follows under the rules.

    A bank debit follows its scheme's own schedule, whatever the rules say. An unknown code follows
    the issuer's unless the table has "unknown".
    """
    scheme = DEBIT_SCHEMES.get(facts.method.type) if facts.method else None
    if scheme:
        return scheme.steps
    if rules.strategy != "decline_aware":
        return rules.steps
    keys = (row.code, row.group, *(["issuer"] if row.group == "unknown" else []))
    return next((rules.table[key] for key in keys if key in rules.table), rules.steps)


def tries_left(facts: CaseFacts, rules: RetryRules, row: CodeRow, ladder: Sequence[Step]) -> int:
    """Return how many steps may still be taken; a code to be tried once or few times has fewer."""
    left = max(0, len(ladder) - facts.retries_made)
    if rules.strategy != "decline_aware" or row.code in rules.table:
        return left
    allowed = _ALLOWED.get(row.category if row.category == "unknown" else row.advice)
    if allowed is None:
        return left
    rows = (
        lookup(one.decline or Decline(""), one.method_type)
        for one in facts.tries
        if not one.succeeded
    )
    failures = max(1, sum(one.code == row.code for one in rows))
    return min(left, max(0, allowed + 1 - failures))


def due_for(facts: CaseFacts, ladder: Sequence[Step], *, earliest: datetime) -> Due:
    """Return when the next step of a ladder comes, not before `earliest`.

    The wait counts from the try before, on the customer's wall clock if the step names a time of
    day. A payday may move it either way, always to a later day than the try before.
    """
    step = ladder[facts.retries_made]
    wait = timedelta(hours=step.wait_hours)
    base = _base(facts, wait)
    if step.at is None and not step.payday_within_days:
        return Due(max(base + wait, earliest))
    zone = zone_of(facts.zone)
    before = wall_time(base, zone)
    at = before.time() if step.at is None else step.at
    soonest = max(earliest, base + MINIMUM_GAP)
    natural = (before + wait).date()
    planned = _without_drift(facts, ladder, natural)
    for payday in paydays_near(planned, within_days=step.payday_within_days):
        found = moment(payday.day, at, zone)
        if payday.day > before.date() and soonest <= found <= latest(facts):
            return Due(found, payday)
    day = max(planned, min(natural, before.date() + _DAY))
    return Due(next_at(max(soonest, moment(day, at, zone)), at, zone))


def _base(facts: CaseFacts, wait: timedelta) -> datetime:
    """Return the try from which a step's wait counts.

    One outside the schedule moves nothing that was still ahead of it; where the step's time had
    passed already, the wait begins anew.
    """
    on_schedule = (one.at for one in facts.tries if one.moves_schedule)
    base = max(on_schedule, default=facts.first_failed_at)
    last = facts.last_try
    return last.at if last and base + wait <= last.at else base


def latest(facts: CaseFacts) -> datetime:
    """Return the moment after which nothing is tried any more, whatever the rules say."""
    return facts.first_failed_at + timedelta(days=MAX_DAYS + 1)


def _without_drift(facts: CaseFacts, ladder: Sequence[Step], day: date) -> date:
    """Return the step's day counted from the first failure if the payday moves explain the gap.

    Each step's wait counts from the try before; were a payday to move every one, the moves would
    add up and the schedule would end weeks late.
    """
    number = facts.retries_made
    waited = sum(step.wait_hours for step in ladder[: number + 1])
    first = wall_time(facts.first_failed_at, zone_of(facts.zone))
    nominal = (first + timedelta(hours=waited)).date()
    moved = max((step.payday_within_days for step in ladder[:number]), default=0)
    return nominal if moved and abs((day - nominal).days) <= moved + 1 else day
