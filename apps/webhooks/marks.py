"""Which objects an event tells us to look at. Pure: an event's hint in, marks out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.stripe_gateway.facts import EventHint
from apps.webhooks.models import DirtyObject

Kind = DirtyObject.Kind

IGNORED_TYPES = frozenset(
    {"invoice.created", "invoice.deleted", "invoice.upcoming", "invoice.will_be_due"}
)
"""Events about drafts and invoices to come: nothing is owed yet."""

OUTCOME_TYPES = frozenset({"charge.failed", "charge.succeeded", "charge.pending"})
"""A charge's first report: nothing new where its outcome is known already."""

MONEY_BACK: Mapping[str, str] = {
    "charge.dispute.created": "dispute",
    "charge.refunded": "refund",
}

CHANGES_OF_METHOD = frozenset(
    {"default_source", "default_payment_method", "invoice_settings", "sources"}
)
CHANGES_OF_DEFAULT = frozenset({"default_source", "invoice_settings"})
CHANGES_OF_DATA = frozenset(
    {"card", "billing_details", "us_bank_account", "sepa_debit", "exp_month", "exp_year"}
)
QUIET_SECONDS = 4.0
"""How long a charge whose invoice is not named waits for the events that name it."""

ATTACHED_SECONDS = 15.0
"""How long a card that was only attached waits: it may be there for something bought just now."""

MAX_ID = 255


@dataclass(frozen=True, slots=True)
class Mark:
    """One object to read again.

    `hint` adds to what earlier events said: `changed_at` (ISO, a payment method's data changed),
    `by_network`, `method_changed` (what is charged now may be another method), `default_changed`
    (of a customer), `given` (a payment method the customer just gave), `payment_intent`,
    `must_read` (a known outcome is not enough), `money_back` (dispute or refund, of `charge`).
    `wait` is in seconds of real time.
    """

    kind: DirtyObject.Kind
    stripe_id: str
    hint: Mapping[str, object] = field(default_factory=dict, hash=False)
    wait: float = 0.0


def marks_of(event: EventHint) -> tuple[Mark, ...]:
    """Name the objects to read after an event; none for an event that tells us nothing."""
    if event.type in IGNORED_TYPES:
        return ()
    return tuple(mark for mark in _marks(event) if mark is not None and _is_id(mark.stripe_id))


def _is_id(text: str) -> bool:
    """Refuse what no column could hold: an id is short and printable."""
    return 0 < len(text) <= MAX_ID and text.isprintable()


def _marks(event: EventHint) -> tuple[Mark | None, ...]:
    match event.object_kind:
        case "invoice":
            return (Mark(Kind.INVOICE, event.object_id),)
        case "invoice_payment" | "credit_note":
            return (Mark(Kind.INVOICE, event.invoice_id),)
        case "charge" | "payment_intent" | "dispute" | "refund":
            return (_payment_mark(event),)
        case "subscription":
            return (_with_method_change(Mark(Kind.SUBSCRIPTION, event.object_id), event),)
        case "subscription_schedule":
            return (Mark(Kind.SUBSCRIPTION, event.subscription_id),)
        case "customer":
            return (_customer_mark(event),)
        case "payment_method" | "card" | "bank_account" | "source":
            return (_method_mark(event),)
        case "mandate":
            return (Mark(Kind.PAYMENT_METHOD, event.payment_method_id),)
        case "setup_intent" | "checkout.session":
            return (
                Mark(Kind.CUSTOMER, event.customer_id, {"method_changed": True}),
                _given_mark(event),
            )
    return ()


def _customer_mark(event: EventHint) -> Mark:
    mark = _with_method_change(Mark(Kind.CUSTOMER, event.object_id), event)
    if CHANGES_OF_DEFAULT.isdisjoint(event.changed):
        return mark
    hint = {**mark.hint, "default_changed": True}
    return Mark(mark.kind, mark.stripe_id, hint, wait=QUIET_SECONDS)


def _given_mark(event: EventHint) -> Mark | None:
    """Look at the method that a finished setup left, where the event names it."""
    if event.type != "setup_intent.succeeded" or not _is_id(event.payment_method_id):
        return None
    return Mark(Kind.PAYMENT_METHOD, event.payment_method_id, {"given": True}, wait=QUIET_SECONDS)


def _payment_mark(event: EventHint) -> Mark | None:
    """Look at the invoice where it is named, else at the charge, else at the intent."""
    hint = _money_back(event)
    if _is_id(event.invoice_id):
        return Mark(Kind.INVOICE, event.invoice_id, hint)
    if event.type not in OUTCOME_TYPES:
        hint["must_read"] = True
    if event.object_kind == "payment_intent":
        if _is_id(event.charge_id):
            hint["charge"] = event.charge_id
        return Mark(Kind.PAYMENT_INTENT, event.object_id, hint, wait=QUIET_SECONDS)
    if _is_id(event.payment_intent_id):
        hint["payment_intent"] = event.payment_intent_id
    charge_id = event.object_id if event.object_kind == "charge" else event.charge_id
    if _is_id(charge_id):
        return Mark(Kind.CHARGE, charge_id, hint, wait=QUIET_SECONDS)
    return Mark(Kind.PAYMENT_INTENT, event.payment_intent_id, hint, wait=QUIET_SECONDS)


def _money_back(event: EventHint) -> dict[str, object]:
    """Say that a charge's money went back, and of which charge."""
    charge_id = event.object_id if event.object_kind == "charge" else event.charge_id
    what = MONEY_BACK.get(event.type)
    return {"money_back": what, "charge": charge_id} if what and _is_id(charge_id) else {}


def _with_method_change(mark: Mark, event: EventHint) -> Mark:
    if CHANGES_OF_METHOD.isdisjoint(event.changed):
        return mark
    return Mark(mark.kind, mark.stripe_id, {"method_changed": True})


def _method_mark(event: EventHint) -> Mark:
    """Say when its data changed, where the event is about that: a new label is no new card."""
    hint: dict[str, object] = {}
    wait = 0.0
    if event.type == "payment_method.automatically_updated":
        hint = {"changed_at": event.created_at.isoformat(), "by_network": True}
    elif event.type == "payment_method.attached":
        hint, wait = {"given": True}, ATTACHED_SECONDS
    elif event.type.endswith(".updated") and (
        not event.changed or not CHANGES_OF_DATA.isdisjoint(event.changed)
    ):
        hint = {"changed_at": event.created_at.isoformat()}
    return Mark(Kind.PAYMENT_METHOD, event.object_id, hint, wait=wait)
