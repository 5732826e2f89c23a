"""What the payment link offers to whoever opens it, from the live state. Nobody meets a dead end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apps.dunning.codes import lookup
from apps.dunning.facts import Decline

State = Literal["new_card", "confirm", "pay", "processing", "paid", "ended", "nothing_owed", "ask"]
"""new_card: a new method is entered and charged · confirm: the bank asks the customer · pay: on
Stripe's page of the invoice · processing: a bank works on it · paid · ended: the subscription is
over · nothing_owed: the invoice is void or not final · ask: only the merchant can help."""

ENDED = ("canceled", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What Stripe shows at the click. `subscription_status` is "" for a one-off invoice.

    `is_collected` tells whether a new method would be charged: while the case is open.
    """

    invoice_status: str
    processing: bool
    requires_action: bool
    subscription_status: str
    decline: Decline | None
    method_type: str = "card"
    has_invoice_page: bool = True
    is_collected: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """The state, and which buttons stand on the page: a new method, Stripe's page of the invoice."""

    state: State
    new_method: bool = False
    invoice_page: bool = False

    @property
    def is_open(self) -> bool:
        """Whether something is still to be paid here."""
        return self.state in ("new_card", "confirm", "pay")


def what_to_offer(facts: LinkFacts) -> Offer:
    """Choose what a customer may do now.

    It does not matter whether the invoice is the latest, or whether tries are left: whatever is
    still owed can be paid here.
    """
    if facts.invoice_status == "paid":
        return Offer("paid")
    if facts.invoice_status not in ("open", "uncollectible"):
        return Offer("nothing_owed")
    if facts.processing:
        return Offer("processing")
    if facts.subscription_status in ENDED:
        return Offer("ended")
    page, card = facts.has_invoice_page, facts.is_collected
    card = card and facts.invoice_status == "open"
    if page and (not card or not facts.subscription_status):
        # Written off, given up, or bought once: Stripe's page of the invoice takes the money.
        return Offer("pay", invoice_page=True)
    if not card:
        return Offer("ask")
    if page and _bank_asks(facts):
        return Offer("confirm", new_method=True, invoice_page=True)
    return Offer("new_card", new_method=True, invoice_page=page)


def _bank_asks(facts: LinkFacts) -> bool:
    if facts.requires_action:
        return True
    return facts.decline is not None and (
        lookup(facts.decline, facts.method_type).needs_authentication
    )
