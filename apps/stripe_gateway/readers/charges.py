"""Charges: one try each."""

import datetime as dt

from apps.dunning.money import Money
from apps.stripe_gateway.facts import ChargeFacts, TryFacts
from apps.stripe_gateway.readers.common import (
    Json,
    currency_of,
    dig,
    expanded,
    ident,
    moment,
    money,
    own_id,
    text,
    whole,
)
from apps.stripe_gateway.readers.declines import decline_of_charge, decline_of_error, filled
from apps.stripe_gateway.readers.methods import method_from, method_of_charge

BEFORE_THE_NETWORK = "not_sent_to_network"
"""Stripe blocked the charge itself: no bank saw it, and no card network counts it."""

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def try_of_charge(charge: Json, error: Json | None = None) -> TryFacts:
    """Read one charge; `error` is the intent's `last_payment_error` where it is about this one."""
    error = error or expanded(charge, "payment_intent", "last_payment_error")
    status = text(charge, "status") or "failed"
    decline = None
    if status == "failed":
        decline = decline_of_charge(charge)
        if error is not None and ident(error, "charge") in ("", text(charge, "id")):
            decline = filled(decline, decline_of_error(error))
    return TryFacts(
        charge_id=own_id(charge, "charge"),
        payment_intent_id=ident(charge, "payment_intent"),
        at=moment(charge, "created") or EPOCH,
        status=status,
        amount=money(charge, "amount"),
        method=method_of_charge(charge),
        decline=decline,
        reached_network=text(charge, "outcome", "network_status") != BEFORE_THE_NETWORK,
        refunded_minor=whole(charge, "amount_refunded"),
        disputed=bool(dig(charge, "disputed") or dig(charge, "dispute")),
    )


def try_of_error(error: Json, *, at: dt.datetime) -> TryFacts | None:
    """Read the try a 402 answer tells of; None where it names no charge."""
    charge_id = ident(error, "charge")
    if not charge_id:
        return None
    intent = expanded(error, "payment_intent")
    return TryFacts(
        charge_id=charge_id,
        payment_intent_id=ident(error, "payment_intent"),
        at=at,
        status="failed",
        amount=Money(whole(intent, "amount"), currency_of(intent)),
        method=method_from(dig(error, "payment_method")),
        decline=decline_of_error(error),
    )


def charge_facts(answer: Json, *, invoice_id: str = "") -> ChargeFacts:
    """Read a charge on its own.

    `invoice_id` is what another call found; charges name their invoice only before
    2025-03-31.basil, and by their order reference where Stripe set one.
    """
    return ChargeFacts(
        tried=try_of_charge(answer),
        customer_id=ident(answer, "customer"),
        invoice_id=invoice_id or invoice_named_by(answer),
        description=text(answer, "description"),
    )


def invoice_named_by(answer: object) -> str:
    """Find the invoice a charge or an intent names itself; "" where it names none.

    `payment_details.order_reference` was seen to hold it since 2025; not documented, so it is a
    hint, and only taken when it looks like an invoice.
    """
    named = ident(answer, "invoice")
    reference = text(answer, "payment_details", "order_reference")
    return named or (reference if reference.startswith("in_") else "")
