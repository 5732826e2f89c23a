"""What we read from Stripe, frozen and without Stripe's shapes.

Readers turn an answer of any API version into these. Everything above this app works with facts
and never with a Stripe object. Times are aware UTC; money is `dunning.Money`; ids are Stripe's.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.dunning.facts import Decline, Method
from apps.dunning.money import Money


@dataclass(frozen=True, slots=True)
class TryFacts:
    """One charge that really ran for an invoice, by Stripe, by us or by the customer."""

    charge_id: str
    payment_intent_id: str
    at: dt.datetime
    status: str  # succeeded | failed | pending
    amount: Money
    method: Method | None
    decline: Decline | None
    reached_network: bool = True
    refunded_minor: int = 0
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    id: str
    name: str = ""
    email: str = ""
    country: str = ""
    state: str = ""
    postal_code: str = ""
    is_deleted: bool = False
    default_method: Method | None = None  # invoice_settings.default_payment_method, if expanded
    default_method_id: str = ""
    default_source_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)  # the merchant's own


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    id: str
    customer_id: str
    status: str
    offer_name: str
    product_id: str
    amount: Money  # per interval, all items together
    interval: str  # day | week | month | year
    interval_count: int
    started_at: dt.datetime
    current_period_end: dt.datetime | None
    cancel_at_period_end: bool = False
    cancel_at: dt.datetime | None = None
    canceled_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    cancellation_reason: str = ""
    latest_invoice_id: str = ""
    schedule_id: str = ""  # payment plans run on a subscription schedule
    installments_total: int | None = None
    ran_to_its_end: bool = False  # a payment plan whose last period is over: nobody canceled it
    default_method: Method | None = None
    default_method_id: str = ""
    default_source_id: str = ""
    trial_end: dt.datetime | None = None
    collection_paused: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)  # the merchant's own

    @property
    def standing(self) -> str:
        """Stripe's status; "completed" for a payment plan at its end, which Stripe calls canceled.

        Phases of a plan are time: its end says nothing of what is still owed.
        """
        return "completed" if self.ran_to_its_end else self.status


@dataclass(frozen=True, slots=True)
class LineFacts:
    """One line of an invoice; its period is half-open, and empty for a single purchase."""

    description: str
    amount: Money
    period_start: dt.datetime | None = None
    period_end: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """One invoice with its tries, its subscription and its customer, as one read saw them."""

    id: str
    status: str  # draft | open | paid | void | uncollectible
    customer_id: str
    subscription_id: str  # "" for a one-off invoice
    collection_method: str  # charge_automatically | send_invoice
    billing_reason: str
    auto_advance: bool
    attempt_count: int
    next_payment_attempt: dt.datetime | None
    amount_due: Money
    amount_remaining: Money
    amount_paid: Money
    created_at: dt.datetime
    livemode: bool
    number: str = ""
    description: str = ""
    offer_name: str = ""
    product_id: str = ""
    hosted_invoice_url: str = ""
    due_at: dt.datetime | None = None
    finalized_at: dt.datetime | None = None
    paid_at: dt.datetime | None = None
    given_up_at: dt.datetime | None = None  # voided, else marked uncollectible
    paid_out_of_band: bool = False
    credited_minor: int = 0  # by credit notes while it was open: that much was never paid
    processing: bool = False  # a bank debit or an Indian card is under way
    requires_action: bool = False  # the customer must confirm (3-D Secure)
    tries: tuple[TryFacts, ...] = ()  # oldest first; the charges this read could see
    method: Method | None = None  # what a pay call would charge now, by Stripe's order
    method_field: str = ""  # subscription.default_payment_method, customer.default_source, …
    customer: CustomerFacts | None = None
    subscription: SubscriptionFacts | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)  # the merchant's own
    lines: tuple[LineFacts, ...] = ()  # as many as came with the invoice (ten)


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A charge read on its own: one without an invoice, or one an invoice read did not show."""

    tried: TryFacts
    customer_id: str
    invoice_id: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class EventHint:
    """What an event tells us to look at; never a fact by itself."""

    id: str
    type: str
    account_id: str  # "" is the platform's own
    livemode: bool
    created_at: dt.datetime
    api_version: str
    object_kind: str  # Stripe's `object` of data.object
    object_id: str
    invoice_id: str = ""  # where the body or its order reference names one
    customer_id: str = ""
    subscription_id: str = ""
    payment_intent_id: str = ""
    charge_id: str = ""
    payment_method_id: str = ""
    changed: tuple[str, ...] = ()  # top-level names in previous_attributes


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """The Stripe account behind a key."""

    id: str
    livemode: bool
    name: str = ""
    country: str = ""
    default_currency: str = ""
    charges_enabled: bool = True
