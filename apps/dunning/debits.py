"""Bank debits: what their mandate and their scheme allow. A debit never follows a card's schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from apps.dunning import codes
from apps.dunning.bans import changed_after, same_card
from apps.dunning.decision import Blocked
from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry
from apps.dunning.limits import DEBIT_SCHEMES
from apps.dunning.rules import RetryRules


def mandate(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    """Refuse a debit whose mandate is not in force; one nobody told us about may go."""
    method = facts.method
    if method is None or codes.kind_of(method.type) != "direct_debit":
        return None
    if method.mandate == "inactive":
        text = "The mandate for this bank account is no longer valid."
        return Blocked("mandate_inactive", text, "customer", needs="new_card")
    if method.mandate == "pending":
        return Blocked("mandate_pending", "The mandate is not in force yet.", "later")
    return None


def scheme(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    """Refuse to collect a debit again beyond what the merchant and the scheme allow.

    A first collection from an account, or one under a new mandate, is none of the scheme's
    retries.
    """
    found = DEBIT_SCHEMES.get(facts.method.type) if facts.method else None
    if facts.method is None or found is None:
        return None
    failed = _failed_debits(facts.tries, facts.method)
    if not failed or changed_after(failed[-1].at, facts, now=now):
        return None
    if not (rules.debits_recurring if facts.recurring else rules.debits_one_off):
        kind = "recurring payments" if facts.recurring else "one-off invoices"
        text = f"Bank debits of {kind} are not tried again: switched off in the retry settings."
        return Blocked("debit_off", text, "customer", needs="new_card")
    row = codes.lookup(failed[-1].decline or Decline(""), failed[-1].method_type)
    if row.group != "funds":
        text = "A bank debit is only tried again when there was too little money."
        return Blocked("debit_reason", text, "customer", needs="new_card")
    if len(failed) > found.retries:
        text = f"{found.name} allows {_times(found.retries)} and no more."
        return Blocked("debit_limit", text, "customer", needs="new_card")
    if now > failed[0].at + timedelta(days=found.period_days):
        text = f"{found.name} allows tries within {found.period_days} days only."
        return Blocked("debit_period", text, "customer", needs="new_card")
    return None


def last_moment(facts: CaseFacts) -> datetime | None:
    """Return when the scheme's period for another collection ends; None for no failed debit."""
    found = DEBIT_SCHEMES.get(facts.method.type) if facts.method else None
    if facts.method is None or found is None:
        return None
    failed = _failed_debits(facts.tries, facts.method)
    return failed[0].at + timedelta(days=found.period_days) if failed else None


def _failed_debits(tries: Sequence[PaymentTry], method: Method) -> list[PaymentTry]:
    failed = (one for one in tries if not one.succeeded and same_card(one, method))
    return sorted(failed, key=lambda one: one.at)


def _times(retries: int) -> str:
    return "one retry" if retries == 1 else f"{retries} retries"
