"""What can be decided about a failed invoice, each with reasons a merchant can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.dunning.rules import FinalAction, InvoiceAction

CustomerNeed = Literal["new_card", "authentication", "no_method"]
"""What only the customer can do: give a new card, confirm with their bank, give any card."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was decided: a stable code for machines, a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Charge again at `due_at`.

    `number` is the step of the schedule this try uses up, counted from 1. It is 0 for a try that
    uses up none: the card changed or the customer confirmed, and it is tried at once, or the
    backup method is charged. `method` is the payment method to charge; "" is what Stripe takes by
    itself, and anything else is passed to the call without becoming the default.
    """

    due_at: datetime
    number: int
    reasons: tuple[Reason, ...]
    method: str = ""


@dataclass(frozen=True, slots=True)
class WaitForCustomer:
    """Charge nothing until the customer acted. At `until` ask again: the answer is then GiveUp."""

    what: CustomerNeed
    reasons: tuple[Reason, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class WaitForTurn:
    """Charge nothing before another invoice was settled; ask again once it was."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class LeaveToStripe:
    """The next move is Stripe's: its own retry, or the answer to a payment under way.

    `until` is Stripe's next try if it named one; else ask again when the invoice changed.
    """

    until: datetime | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nothing more is tried: the case is lost.

    Carry out `final_action` on the subscription, if there is one, and `invoice_action` on the
    invoice. "none" means that it is not lost but stopped: the invoice was settled or closed elsewhere, the
    subscription ended, or the Stripe account was taken away. Once Stripe's own retries are used up
    the answer is "leave_past_due" and "leave_open": what follows is set in Stripe.
    """

    final_action: FinalAction | Literal["none"]
    reasons: tuple[Reason, ...]
    invoice_action: InvoiceAction = "leave_open"


Decision = RetryAt | WaitForCustomer | WaitForTurn | LeaveToStripe | GiveUp


@dataclass(frozen=True, slots=True)
class Blocked:
    """A charge that must not be made now, and what comes instead.

    `then` is "later" (plan again, not before `until` if set), "customer" (`needs` says what) or
    "stop" (nothing is left to charge).
    """

    code: str
    text: str
    then: Literal["later", "customer", "stop"]
    needs: CustomerNeed | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedTry:
    """One try of a forecast; `number` and `method` as in RetryAt."""

    due_at: datetime
    number: int
    reasons: tuple[Reason, ...]
    method: str = ""
