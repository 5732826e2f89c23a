"""What an event tells us to look at. Its body is never a fact: the object is read afresh."""

import json
from collections.abc import Mapping

from apps.stripe_gateway.errors import UnreadableAnswer
from apps.stripe_gateway.facts import EventHint
from apps.stripe_gateway.readers.charges import EPOCH, invoice_named_by
from apps.stripe_gateway.readers.common import Json, dig, expanded, ident, moment, text
from apps.stripe_gateway.readers.invoices import subscription_id_of

KINDS_BY_ID = {
    "invoice": "invoice_id",
    "customer": "customer_id",
    "subscription": "subscription_id",
    "payment_intent": "payment_intent_id",
    "charge": "charge_id",
    "payment_method": "payment_method_id",
}


def event_hint(body: bytes | str | Json) -> EventHint:
    """Read what an event is about, in any API version; newer thin events included.

    Raises:
        UnreadableAnswer: the body is not JSON, or no event, or names no object.
    """
    event = _parsed(body)
    subject = expanded(event, "data", "object") or expanded(event, "related_object") or {}
    kind = text(subject, "object") or text(subject, "type")
    if not (text(event, "id") and text(event, "type") and kind):
        raise UnreadableAnswer("an event without id, type or object")
    ids = {name: _id_in(subject, kind, own) for own, name in KINDS_BY_ID.items()}
    return EventHint(
        id=text(event, "id"),
        type=text(event, "type"),
        account_id=text(event, "account") or text(event, "context"),
        livemode=bool(dig(event, "livemode")),
        created_at=moment(event, "created") or EPOCH,
        api_version=text(event, "api_version"),
        object_kind=kind,
        object_id=text(subject, "id"),
        invoice_id=ids["invoice_id"] or invoice_named_by(subject),
        customer_id=ids["customer_id"] or ident(event, "data", "previous_attributes", "customer"),
        subscription_id=ids["subscription_id"] or subscription_id_of(subject),
        payment_intent_id=ids["payment_intent_id"] or ident(subject, "payment", "payment_intent"),
        charge_id=ids["charge_id"]
        or ident(subject, "payment", "charge")
        or ident(subject, "latest_charge")
        or ident(subject, "last_payment_error", "charge"),
        payment_method_id=ids["payment_method_id"],
        changed=tuple(sorted(dig(event, "data", "previous_attributes") or ())),
    )


def _parsed(body: bytes | str | Json) -> Json:
    if isinstance(body, Mapping):
        return body
    try:
        event = json.loads(body)
    except ValueError as error:
        raise UnreadableAnswer("an event that is not JSON") from error
    if not isinstance(event, Mapping):
        raise UnreadableAnswer("an event that is no object")
    return event


def _id_in(subject: Json, kind: str, own: str) -> str:
    """Name an object in an event about it, or about something that points at it."""
    return text(subject, "id") if kind == own else ident(subject, own)
