"""What a merchant chose about mails, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from apps.dunning.mails.kinds import KINDS, MailKind

CONFIRM_DAYS = (1, 3, 7)
INVOICE_DAYS = (-10, -3, 0, 3, 7, 14)
"""Reminders of sent invoices, in days after the due date; less than nothing is before it."""


@dataclass(frozen=True, slots=True)
class MailRules:
    """`on` tells since when a kind is sent; absent ones are off, and older failures get none.

    Local hours: nothing between `quiet_from` and `quiet_until` in the customer's zone.
    `weekly_cap` is how many mails of sequences one person gets in seven days at most.
    """

    on: Mapping[MailKind, datetime] = field(default_factory=dict)
    days: Mapping[MailKind, int] = field(default_factory=dict)
    confirm_days: tuple[int, ...] = CONFIRM_DAYS
    invoice_days: tuple[int, ...] = INVOICE_DAYS
    quiet_from: int = 20
    quiet_until: int = 8
    weekly_cap: int = 3
    silent_first: timedelta = timedelta(days=1)
    daily_gap: timedelta = timedelta(hours=20)

    def days_of(self, kind: MailKind) -> int:
        """Return the days chosen for a kind, else its default."""
        return self.days.get(kind, KINDS[kind].days)

    def is_on(self, kind: MailKind, *, since: datetime) -> bool:
        """Tell whether a kind was on already when the thing it is about happened."""
        started = self.on.get(kind)
        return started is not None and started <= since

    def as_if_always_on(self) -> MailRules:
        """Return rules by which what is on now had been on for every failure of the past."""
        return replace(self, on=dict.fromkeys(self.on, datetime.min.replace(tzinfo=UTC)))
