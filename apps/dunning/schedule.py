"""Which schedule a decline follows, and the moment of one of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from apps.dunning.codes import CodeRow, kind_of, lookup
from apps.dunning.facts import CaseFacts, Decline
from apps.dunning.limits import DEBIT_SCHEMES
from apps.dunning.rules import MAX_DAYS, ROTATION, RetryRules, Step
from apps.dunning.timing import (
    Payday,
    business_day_from,
    is_business_day,
    moment,
    next_at,
    paydays_near,
    wall_time,
    zone_of,
)

UNKNOWN_TRIES = 3
"""Retries after declines with a code nobody knows."""

MIDNIGHT = time(0, 1)
"""Debit cards in some countries are approved a little more often just after the day begins.

Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""
LAST_MINUTE = time(23, 59)

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
    """Return how many steps may still be taken; a code to be tried once or few times has fewer.

    A code nobody knows is tried carefully whatever the strategy; an advice to try once counts
    where the schedule goes by the reason.
    """
    left = max(0, len(ladder) - facts.retries_made)
    by_reason = rules.strategy == "decline_aware"
    if by_reason and row.code in rules.table:
        return left
    if row.category == "unknown":
        allowed = UNKNOWN_TRIES
    elif by_reason and row.advice == "retry_once":
        allowed = 1
    else:
        return left
    rows = (
        lookup(one.decline or Decline(""), one.method_type)
        for one in facts.tries
        if not one.succeeded
    )
    failures = max(1, sum(one.code == row.code for one in rows))
    return min(left, max(0, allowed + 1 - failures))


def due_for(
    facts: CaseFacts, rules: RetryRules, ladder: Sequence[Step], *, earliest: datetime
) -> Due:
    """Return when the next step of a ladder comes, not before `earliest`.

    The wait counts from the ladder's last try, on the customer's wall clock if the step names a
    time of day; a try outside the ladder does not move it, unless it came when the step was due
    already: then the wait counts from that one. A payday may move it either way, always to a later
    day than the try before. Bank debits come on business days.
    """
    base = max((one.at for one in facts.tries if one.moves_schedule), default=facts.first_failed_at)
    for at in sorted(one.at for one in facts.tries if one.at > base):
        if _due(facts, rules, ladder, base, base).at <= at:
            base = at
    return _due(facts, rules, ladder, base, earliest)


def _due(
    facts: CaseFacts,
    rules: RetryRules,
    ladder: Sequence[Step],
    base: datetime,
    earliest: datetime,
) -> Due:
    step = ladder[facts.retries_made]
    spread = _spread(facts, rules)
    wait = timedelta(hours=step.wait_hours)
    is_debit = facts.method is not None and kind_of(facts.method.type) == "direct_debit"
    if step.at is None and not step.payday_within_days and not is_debit:
        return Due(max(base + wait + spread, earliest))
    zone = zone_of(facts.zone)
    before = wall_time(base, zone)
    at = _later(_time_of_day(facts, rules, step) or before.time(), spread)
    soonest = max(earliest, base + rules.minimum_gap)
    natural = (before + wait).date()
    planned = _without_drift(facts, ladder, natural)
    for payday in paydays_near(planned, within_days=step.payday_within_days):
        found = moment(payday.day, at, zone)
        fits = payday.day > before.date() and soonest <= found <= latest(facts)
        if fits and (not is_debit or is_business_day(payday.day)):
            return Due(found, payday)
    day = max(planned, min(natural, before.date() + _DAY))
    due = next_at(max(soonest, moment(day, at, zone)), at, zone)
    if is_debit:
        due = moment(business_day_from(wall_time(due, zone).date()), at, zone)
    return Due(due)


def _time_of_day(facts: CaseFacts, rules: RetryRules, step: Step) -> time | None:
    """Return the wall time of the next step; None if it has none of its own."""
    if step.at is None:
        return None
    is_debit_card = facts.method is not None and facts.method.funding == "debit"
    if rules.midnight_debit_cards and is_debit_card:
        return MIDNIGHT
    return ROTATION[facts.retries_made % len(ROTATION)] if rules.rotates else step.at


def _spread(facts: CaseFacts, rules: RetryRules) -> timedelta:
    """Return this case's share of the jitter for its next step: the same whenever it is asked."""
    if not rules.jitter_minutes:
        return timedelta()
    name = f"{facts.reference}:{facts.retries_made}"
    number = int.from_bytes(sha256(name.encode()).digest()[:4], "big")
    return timedelta(minutes=number % (rules.jitter_minutes + 1))


def _later(at: time, spread: timedelta) -> time:
    """Move a time of day, but never beyond its day."""
    moved = datetime.combine(date.min, at) + spread
    return moved.time() if moved.date() == date.min else LAST_MINUTE


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
