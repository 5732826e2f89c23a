"""The customer's backup method: whether one may be charged, which, and when.

Off unless the rules say after how many retries. Only a card of the same customer, paid with in the
last 180 days, not expired and without a hard decline; once per invoice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from apps.dunning import codes
from apps.dunning.decision import Blocked, Reason
from apps.dunning.facts import BackupMethod, CaseFacts, Decline
from apps.dunning.rules import RetryRules
from apps.dunning.timing import wall_time, zone_of

RECENT = timedelta(days=180)
TIME_TO_ACT = timedelta(hours=24)
"""After a hard decline the customer has a day to give another card before the backup is charged."""

_LEAVING = frozenset({"revoked", "fraud_blocked"})
"""After these the customer may wish to leave, or is not who they say: no other card is touched."""
_LEAVING_NETWORK = frozenset({("mastercard", "21"), ("visa", "R0"), ("visa", "R1"), ("visa", "R3")})
_HARD = ("hard_decline", "another_card_needed")


def backup_due(
    facts: CaseFacts, rules: RetryRules, blocked: Blocked | None, *, now: datetime
) -> tuple[datetime, BackupMethod, Reason] | None:
    """Return when to charge which backup method, and why; None if none is to be charged.

    It is due once the rules' number of retries failed, or when the usual card cannot be charged
    any more. `blocked` is what forbids that card now.
    """
    if not rules.backup_after or facts.backup_spent or _wants_to_leave(facts):
        return None
    is_hard = blocked is not None and blocked.code in _HARD
    if not is_hard and (blocked is not None or facts.retries_made < rules.backup_after):
        return None
    chosen = max(
        (one for one in facts.backups if _is_usable(one, facts, now=now)),
        key=lambda one: one.last_paid_at,
        default=None,
    )
    if chosen is None:
        return None
    last = facts.last_try
    due_at = max(now, last.at + rules.minimum_gap if last else now)
    if is_hard:
        due_at = max(due_at, facts.first_failed_at + TIME_TO_ACT)
    text = "The usual card was declined: the customer's other saved card is charged once."
    return due_at, chosen, Reason("backup_method", text)


def with_backup(facts: CaseFacts, reference: str, *, now: datetime) -> CaseFacts | None:
    """Return the facts as they are for a charge on a backup method; None if it may not be used."""
    found = next((one for one in facts.backups if one.method.reference == reference), None)
    if found is None or facts.backup_spent or not _is_usable(found, facts, now=now):
        return None
    return replace(facts, method=found.method, card_tries=found.tries)


def _is_usable(one: BackupMethod, facts: CaseFacts, *, now: datetime) -> bool:
    method, usual = one.method, facts.method
    if method.type != "card" or one.declined_hard or one.last_paid_at <= now - RECENT:
        return False
    if usual and (
        method.reference == usual.reference
        or (method.fingerprint and method.fingerprint == usual.fingerprint)
    ):
        return False
    if method.exp_year is None or method.exp_month is None:
        return True
    today = wall_time(now, zone_of(facts.zone))
    return (today.year, today.month) <= (method.exp_year, method.exp_month)


def _wants_to_leave(facts: CaseFacts) -> bool:
    for one in facts.tries:
        decline = one.decline or Decline("")
        if codes.lookup(decline, one.method_type).category in _LEAVING:
            return True
        rows = codes.network_rows(decline)
        if any((row.network, row.code) in _LEAVING_NETWORK for row in rows):
            return True
    return False
