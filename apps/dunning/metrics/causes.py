"""What brought a payment back: exactly one cause per recovery, from the last event before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

Cause = Literal[
    "our_try",
    "stripe_try",
    "mail_link",
    "card_refreshed",
    "customer",
    "backup_method",
    "manual_try",
    "unexplained",
]

CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        "our_try": "Retry by Recoup",
        "stripe_try": "Retry by Stripe",
        "mail_link": "Payment link from a mail",
        "card_refreshed": "Card refreshed by the network",
        "customer": "Customer by themselves",
        "backup_method": "Backup method",
        "manual_try": "Retry by hand",
        "unexplained": "Unexplained",
    }
)
"""Each cause in words, in the order pages show them."""

LINK_COUNTS_FOR = timedelta(days=7)
"""A card that changes so long after the link was opened was changed because of the link."""

HappeningKind = Literal["mail_sent", "link_opened", "card_refreshed", "card_changed"]


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a case before it was paid."""

    kind: HappeningKind
    at: datetime


def cause_of(
    *, trigger: str, stripe_retries: bool, paid_at: datetime, happenings: Sequence[Happening]
) -> Cause:
    """Name the one cause of a recovery.

    `trigger` is why our attempt was made whose charge paid, "" when the charge was none of ours.
    `stripe_retries` says whether Stripe ran the retries then. `happenings` in any order; those
    after the payment do not count. A scheduled try that pays counts as the try's, whatever the
    customer did days before: had the card changed, it would have been tried at once.
    """
    if trigger in _OF_TRIGGER:
        return _OF_TRIGGER[trigger]
    before = sorted((one for one in happenings if one.at <= paid_at), key=lambda one: one.at)
    recent = [one for one in before if one.at > paid_at - LINK_COUNTS_FOR]
    opened = any(one.kind == "link_opened" for one in recent)
    last_change = next(
        (one.kind for one in reversed(before) if one.kind in ("card_refreshed", "card_changed")),
        None,
    )
    if opened:
        return "mail_link"
    if trigger:  # the card changed, or the customer confirmed with their bank
        return "card_refreshed" if last_change == "card_refreshed" else "customer"
    if stripe_retries:
        return "card_refreshed" if _just(before, "card_refreshed", paid_at) else "stripe_try"
    # Stripe's retries were off and the charge was none of ours: the customer paid by themselves.
    return "customer"


_OF_TRIGGER: Mapping[str, Cause] = MappingProxyType(
    {
        "schedule": "our_try",
        "manual": "manual_try",
        "backup": "backup_method",
        "link": "mail_link",
    }
)


def _just(before: Sequence[Happening], kind: HappeningKind, paid_at: datetime) -> bool:
    """Whether the last thing that happened is of a kind, and not older than a week."""
    if not before or before[-1].kind != kind:
        return False
    return before[-1].at > paid_at - LINK_COUNTS_FOR
