"""What becomes of a sent invoice that stays unpaid, or is paid but for a little: decided here.

Recoup does at Stripe what the merchant's rules say, once, and only to invoices that customers pay by
hand. It never touches one while a bank works on a payment.

Source: https://docs.stripe.com/invoicing/overview#invoice-statuses
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from apps.dunning.money import Money

InvoiceEnd = Literal["leave", "uncollectible", "void"]
What = Literal["uncollectible", "void", "credit"]


@dataclass(frozen=True, slots=True)
class SentInvoiceRules:
    """`end` is done `end_days` after the due day; a rest of at most `credit_up_to` is credited.

    Each holds from the moment it was saved: `end_since` for invoices that come to that age later,
    `credit_since` for invoices finalized later. Older ones stay as they are.
    """

    end: InvoiceEnd = "leave"
    end_days: int = 30
    end_since: datetime | None = None
    credit_up_to: Money | None = None
    credit_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """An invoice as one read saw it; `remaining` and `paid` are what is left of it and came in."""

    status: str
    is_sent: bool
    is_processing: bool
    finalized_at: datetime
    due_at: datetime | None
    remaining: Money
    paid: Money


@dataclass(frozen=True, slots=True)
class Act:
    """Do this now; `text` says why."""

    what: What
    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Do nothing. `code` is stable, `text` is for the merchant; `processing` may pass."""

    code: str
    text: str


def act_on(*, owed: Owed, rules: SentInvoiceRules, now: datetime) -> Act | Leave:
    """Decide what is done to an invoice now. Asked again on a fresh read before it is done."""
    if not owed.is_sent:
        return Leave("automatic", "The invoice is charged by itself.")
    if owed.status != "open":
        return Leave("closed", f"The invoice is {owed.status}.")
    if owed.is_processing:
        return Leave("processing", "The bank is working on a payment.")
    if owed.remaining.minor <= 0:
        return Leave("closed", "Nothing is left to pay.")
    if _is_small_rest(owed, rules):
        return Act("credit", "Paid but for a rest within the amount you credit.")
    due = end_at(owed=owed, rules=rules)
    if due is None or rules.end == "leave":
        return Leave("no_rule", "No rule says so any more.")
    if now < due:
        return Leave("too_early", f"It is not {days_in_words(rules.end_days)} past due yet.")
    if owed.paid.minor > 0 and rules.end == "void":
        return Leave("partly_paid", "It is partly paid: a person decides what becomes of the rest.")
    return Act(rules.end, f"{days_in_words(rules.end_days).capitalize()} past due and not paid.")


def end_at(*, owed: Owed, rules: SentInvoiceRules) -> datetime | None:
    """Return when the end rule reaches an invoice; None where it never does."""
    if rules.end == "leave" or rules.end_since is None or owed.due_at is None:
        return None
    at = owed.due_at + timedelta(days=rules.end_days)
    return at if at >= rules.end_since else None


def _is_small_rest(owed: Owed, rules: SentInvoiceRules) -> bool:
    limit, since = rules.credit_up_to, rules.credit_since
    return (
        limit is not None
        and since is not None
        and owed.finalized_at >= since
        and owed.paid.minor > 0
        and owed.remaining.currency == limit.currency
        and owed.remaining.minor <= limit.minor
    )


def days_in_words(days: int) -> str:
    """Return "1 day" or "30 days"."""
    return "1 day" if days == 1 else f"{days} days"
