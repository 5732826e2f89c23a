"""What is known about one failed payment and its customer when a mail is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Need = Literal["retry", "new_method", "confirm"]
"""What would get it paid: a later try, another payment method, a word with the bank."""

Address = Literal["ok", "no_reminders", "missing", "bounced"]
"""Whether mail arrives; no_reminders: it does, and the customer wants none that repeats."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail of this payment's sequence that went out, or may have."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MailFacts:
    """All that a decision about the sequence of one failed payment may depend on.

    `needed_at` is when the present need arose. `next_try_at` is the next silent try, by whomever;
    `ends_at` when the recovery ends as planned. `sent` are this payment's mails, `to_person` the
    times of all sequence mails to the same person. `address` tells whether mail arrives there.
    `is_live` is False for cases brought in by an import.
    """

    failed_at: datetime
    need: Need
    zone: str
    needed_at: datetime | None = None
    is_open: bool = True
    is_live: bool = True
    is_automatic: bool = True
    is_processing: bool = False
    next_try_at: datetime | None = None
    ends_at: datetime | None = None
    sent: tuple[Sent, ...] = ()
    to_person: tuple[datetime, ...] = ()
    address: Address = "ok"
