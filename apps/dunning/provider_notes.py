"""What a merchant noted of Stripe's own retry settings, and what real invoices say about it.

Stripe's settings can be neither read nor set by a program: the merchant copies them by hand, and
what Stripe then does to invoices shows whether the note is still true.

Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries, read on 2026-11-22: Smart
Retries make 1 to 8 tries within 1, 2 or 3 weeks, 1 or 2 months; a custom schedule up to 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Schedule = Literal["unknown", "smart", "custom", "off"]
SubscriptionEnd = Literal["unknown", "cancel", "unpaid", "past_due", "pause"]
InvoiceEnd = Literal["unknown", "leave", "uncollectible"]

MOST_TRIES = {"smart": 8, "custom": 3}
WINDOWS = {7: "1 week", 14: "2 weeks", 21: "3 weeks", 31: "1 month", 61: "2 months"}
"""Days of the longest case of each window Stripe offers."""

DEFAULT_TRIES = {"unknown": 8, "smart": 8, "custom": 3, "off": 0}
DEFAULT_DAYS = {"unknown": 14, "smart": 14, "custom": 14, "off": 0}
"""What is assumed where the note leaves it open: Smart Retries' default is 8 tries in two
weeks. A custom schedule has none: its most, three, in the same two weeks are ours.
"""

_SUBSCRIPTION_ENDS = {
    "cancel": "Stripe cancels the subscription",
    "unpaid": "Stripe marks the subscription as unpaid",
    "past_due": "The subscription stays past due",
    "pause": "Stripe pauses the subscription",
}

_STATUS_OF_END = {
    "cancel": "canceled",
    "unpaid": "unpaid",
    "past_due": "past_due",
    "pause": "paused",
}


@dataclass(frozen=True, slots=True)
class ProviderNotes:
    """Stripe's settings as the merchant copied them; `window_days` is one of `WINDOWS`, 0 if not said."""

    schedule: Schedule = "unknown"
    tries: int = 0
    window_days: int = 0
    subscription_end: SubscriptionEnd = "unknown"
    invoice_end: InvoiceEnd = "unknown"

    @property
    def is_complete(self) -> bool:
        """Whether both the number of tries and their window were copied, or that there are none."""
        return self.schedule == "off" or bool(
            self.schedule in MOST_TRIES and self.tries and self.window_days
        )

    @property
    def assumed_tries(self) -> int:
        """How many retries Stripe is taken to make."""
        noted = self.tries if self.schedule in MOST_TRIES else 0
        return noted or DEFAULT_TRIES[self.schedule]

    @property
    def assumed_days(self) -> int:
        """Within how many days after the first failure."""
        noted = self.window_days if self.schedule in MOST_TRIES else 0
        return noted or DEFAULT_DAYS[self.schedule]


@dataclass(frozen=True, slots=True)
class SeenAtProvider:
    """What Stripe did to one invoice it retried by itself.

    `retries` are its charges after the first; `days` how long after the first the last one came.
    `goes_on` is True while Stripe means to try again, `is_over` once it has given up.
    """

    reference: str
    retries: int
    days: float
    goes_on: bool
    is_over: bool
    subscription_status: str = ""
    invoice_status: str = ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One invoice on which Stripe did something else than was noted."""

    reference: str
    text: str


def assumed_times(notes: ProviderNotes, *, first_failed_at: datetime) -> tuple[datetime, ...]:
    """Give times for Stripe's retries: it names only its next one, so they are spread evenly.

    The last one stands at the end of the window. None where its retries are off.
    """
    tries, window = notes.assumed_tries, timedelta(days=notes.assumed_days)
    return tuple(first_failed_at + window * number / tries for number in range(1, tries + 1))


def last_day(
    notes: ProviderNotes, *, first_failed_at: datetime, next_try_at: datetime | None
) -> datetime | None:
    """Return the moment by which Stripe's last try is made; None where its retries are off.

    A try it has named counts, also beyond the window that was noted.
    """
    if notes.schedule == "off" and next_try_at is None:
        return None
    end = first_failed_at + timedelta(days=notes.assumed_days)
    return max(end, next_try_at) if next_try_at else end


def provider_end(notes: ProviderNotes, *, recurring: bool) -> str:
    """Say what Stripe does after its last try, as noted; "" where it is not."""
    if not recurring or notes.subscription_end == "unknown":
        return ""
    invoice = ", and the invoice is marked uncollectible"
    return _SUBSCRIPTION_ENDS[notes.subscription_end] + (
        invoice if notes.invoice_end == "uncollectible" else ""
    )


def mismatches(notes: ProviderNotes, seen: Iterable[SeenAtProvider]) -> list[Mismatch]:
    """Name what contradicts the notes; fewer tries than noted prove nothing."""
    return [Mismatch(one.reference, text) for one in seen for text in _contradictions(notes, one)]


def _contradictions(notes: ProviderNotes, one: SeenAtProvider) -> Iterator[str]:
    if notes.schedule == "off" and (one.retries or one.goes_on):
        yield "Stripe retries it, though you noted that its retries are off."
    if notes.schedule in MOST_TRIES:
        if notes.tries and one.retries > notes.tries:
            yield f"Stripe made {one.retries} retries; you noted {notes.tries}."
        if notes.window_days and one.days > notes.window_days + 1:
            yield f"Stripe tried {one.days:.0f} days after the first; you noted {_window(notes)}."
    wanted = _STATUS_OF_END.get(notes.subscription_end)
    if one.is_over and wanted and one.subscription_status not in ("", wanted):
        yield f"The subscription is {_shown(one.subscription_status)}; you noted {_shown(wanted)}."
    if one.is_over and notes.invoice_end == "leave" and one.invoice_status == "uncollectible":
        yield "The invoice is uncollectible; you noted that it stays open."
    if one.is_over and notes.invoice_end == "uncollectible" and one.invoice_status == "open":
        yield "The invoice is still open; you noted uncollectible."


def _window(notes: ProviderNotes) -> str:
    return WINDOWS.get(notes.window_days, f"{notes.window_days} days")


def _shown(status: str) -> str:
    return status.replace("_", " ")
