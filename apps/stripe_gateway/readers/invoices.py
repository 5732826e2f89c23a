"""Invoices, before and after 2025-03-31.basil.

Before, an invoice named its charge, intent and subscription itself. Since, `payments` leads to the
intents, `parent` to the subscription, and the flags `paid` and `paid_out_of_band` are gone.

Source: https://docs.stripe.com/changelog/basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from apps.dunning.facts import Method
from apps.dunning.money import Money
from apps.stripe_gateway.facts import InvoiceFacts, LineFacts, TryFacts
from apps.stripe_gateway.readers.charges import EPOCH, try_of_charge
from apps.stripe_gateway.readers.common import (
    Json,
    currency_of,
    dig,
    expanded,
    ident,
    labels,
    moment,
    money,
    own_id,
    rows,
    text,
    whole,
)
from apps.stripe_gateway.readers.customers import customer_facts
from apps.stripe_gateway.readers.methods import charged_now, method_from
from apps.stripe_gateway.readers.subscriptions import NO_NAMES, product_ids, subscription_facts

LINE_TEXT = re.compile(r"(?:\d+ \u00d7 )?(?P<name>.+?)(?: \(at .+\))?", re.DOTALL)
"""How Stripe describes a line: count, name, price in brackets."""

WAITS_FOR_CUSTOMER = frozenset({"requires_action", "requires_source_action"})


def invoice_facts(
    answer: Json,
    *,
    charges: Iterable[Json] = (),
    product_names: Mapping[str, str] = NO_NAMES,
) -> InvoiceFacts:
    """Read an invoice with everything its answer expands.

    `charges` are the charges of its intents, read separately; `product_names` lends names of
    products that Stripe sent as ids.
    """
    intents = tuple(intents_of(answer))
    tries = _tries(answer, intents, charges)
    customer = expanded(answer, "customer")
    subscription = _subscription(answer)
    subscription_id = subscription_id_of(answer)
    known = [
        method_from(dig(customer, "invoice_settings", "default_payment_method")),
        *(method_from(dig(intent, "payment_method")) for intent in intents),
        *(one.method for one in reversed(tries)),
    ]
    method, method_field = charged_now(
        invoice=answer, subscription=subscription, customer=customer, known=known
    )
    line = main_line(answer)
    product_id = _line_product(line)
    status = text(answer, "status")
    return InvoiceFacts(
        id=own_id(answer, "invoice"),
        status=status,
        customer_id=ident(answer, "customer"),
        subscription_id=subscription_id,
        collection_method=text(answer, "collection_method") or "charge_automatically",
        billing_reason=text(answer, "billing_reason"),
        auto_advance=bool(dig(answer, "auto_advance")),
        attempt_count=whole(answer, "attempt_count"),
        next_payment_attempt=moment(answer, "next_payment_attempt"),
        amount_due=money(answer, "amount_due"),
        amount_remaining=money(answer, "amount_remaining"),
        amount_paid=money(answer, "amount_paid"),
        created_at=moment(answer, "created") or EPOCH,
        livemode=bool(dig(answer, "livemode")),
        number=text(answer, "number"),
        description=text(answer, "description"),
        offer_name=_offer_name(line, product_id, product_names),
        product_id=product_id,
        hosted_invoice_url=text(answer, "hosted_invoice_url"),
        due_at=moment(answer, "due_date"),
        finalized_at=moment(answer, "status_transitions", "finalized_at"),
        paid_at=moment(answer, "status_transitions", "paid_at"),
        given_up_at=moment(answer, "status_transitions", "voided_at")
        or moment(answer, "status_transitions", "marked_uncollectible_at"),
        paid_out_of_band=_paid_elsewhere(answer, tries),
        credited_minor=whole(answer, "pre_payment_credit_notes_amount"),
        processing=status == "open"
        and any(text(intent, "status") == "processing" for intent in intents),
        requires_action=status == "open"
        and any(text(intent, "status") in WAITS_FOR_CUSTOMER for intent in intents),
        tries=tries,
        method=method,
        method_field=method_field,
        customer=customer_facts(customer) if customer else None,
        subscription=subscription_facts(subscription, product_names=product_names)
        if subscription
        else None,
        metadata=labels(answer),
        lines=tuple(_line(one) for one in rows(answer, "lines")),
    )


def with_mandate(facts: InvoiceFacts, reference: str, mandate: str) -> InvoiceFacts:
    """Add the state of a method's mandate wherever an invoice shows that method."""

    def told(method: Method | None) -> Method | None:
        same = method is not None and method.reference == reference
        return replace(method, mandate=mandate) if method is not None and same else method

    customer, subscription = facts.customer, facts.subscription
    if customer is not None:
        customer = replace(customer, default_method=told(customer.default_method))
    if subscription is not None:
        subscription = replace(subscription, default_method=told(subscription.default_method))
    return replace(facts, method=told(facts.method), customer=customer, subscription=subscription)


def subscription_id_of(answer: object) -> str:
    """Name the subscription an invoice bills; "" for a one-off invoice or a quote's."""
    return ident(answer, "parent", "subscription_details", "subscription") or ident(
        answer, "subscription"
    )


def intents_of(answer: object, *, also_canceled: bool = False) -> Iterator[Json]:
    """Walk the expanded payment intents of an invoice, the default payment first.

    A payment that was canceled (a void invoice's is) collects nothing any more; the charges made
    for it before did run.
    """
    payments = sorted(rows(answer, "payments"), key=lambda one: not dig(one, "is_default"))
    for payment in payments:
        intent = expanded(payment, "payment", "payment_intent")
        if intent is not None and (also_canceled or text(payment, "status") != "canceled"):
            yield intent
    old = expanded(answer, "payment_intent")
    if old is not None:
        yield old


def intent_ids_of(answer: object) -> tuple[str, ...]:
    """Name the payment intents of an invoice, expanded or not, the default payment first."""
    payments = sorted(rows(answer, "payments"), key=lambda one: not dig(one, "is_default"))
    found = [
        *(ident(one, "payment", "payment_intent") for one in payments),
        ident(answer, "payment_intent"),
    ]
    return tuple(dict.fromkeys(one for one in found if one))


def names_wanted(answer: object) -> tuple[str, ...]:
    """List the products an invoice and its subscription name only by id."""
    line = main_line(answer)
    own = "" if _expanded_name(line) else _line_product(line)
    subscription = _subscription(answer)
    return tuple(dict.fromkeys(one for one in (own, *product_ids(subscription)) if one))


def main_line(answer: object) -> Json | None:
    """Choose the line that tells what was bought: no proration if possible, then the largest."""

    def rank(line: Json) -> tuple[bool, int]:
        return not _is_proration(line), whole(line, "amount")

    return max(rows(answer, "lines"), key=rank, default=None)


def _tries(
    answer: Json, intents: tuple[Json, ...], charges: Iterable[Json]
) -> tuple[TryFacts, ...]:
    """Gather every charge in sight, once each, oldest first."""
    errors = {
        ident(intent, "last_payment_error", "charge"): expanded(intent, "last_payment_error")
        for intent in intents
    }
    found = [
        *charges,
        *(one for intent in intents for one in rows(intent, "charges")),
        *(expanded(intent, "latest_charge") for intent in intents),
        *(expanded(payment, "payment", "charge") for payment in rows(answer, "payments")),
        expanded(answer, "charge"),
    ]
    tries = {
        text(charge, "id"): try_of_charge(charge, errors.get(text(charge, "id")))
        for charge in reversed(found)
        if charge is not None
    }
    for intent in intents:
        paid = _paying_try(answer, intent)
        if paid is not None:
            tries.setdefault(paid.charge_id, paid)
    return tuple(sorted(tries.values(), key=lambda one: (one.at, one.charge_id)))


def _paying_try(answer: Json, intent: Json) -> TryFacts | None:
    """Read the charge that paid from its intent alone: a pay call's answer names it only by id."""
    charge_id = ident(intent, "latest_charge")
    paid_at = moment(answer, "status_transitions", "paid_at")
    if text(intent, "status") != "succeeded" or not charge_id or paid_at is None:
        return None
    reference = ident(intent, "payment_method")
    subscription, customer = _subscription(answer), expanded(answer, "customer")
    method, _ = charged_now(
        invoice={"default_payment_method": dig(intent, "payment_method")},
        subscription=None,
        customer=None,
        known=(
            method_from(dig(subscription, "default_payment_method")),
            method_from(dig(customer, "invoice_settings", "default_payment_method")),
        ),
    )
    return TryFacts(
        charge_id=charge_id,
        payment_intent_id=ident(intent, "id"),
        at=paid_at,
        status="succeeded",
        amount=money(intent, "amount_received"),
        method=method if reference else None,
        decline=None,
    )


def _paid_elsewhere(answer: Json, tries: tuple[TryFacts, ...]) -> bool:
    """Tell whether an invoice was marked paid without a charge of ours or Stripe's.

    Since 2025-03-31.basil no flag says so: then no payment is by charge or intent, or, where the
    payments were not expanded, nothing was ever attempted although the whole amount counts as paid.
    """
    if dig(answer, "paid_out_of_band"):
        return True
    if text(answer, "status") != "paid" or whole(answer, "amount_paid") <= 0:
        return False
    if any(one.status == "succeeded" for one in tries):
        return False
    payments = list(rows(answer, "payments"))
    if payments:
        return not any(
            text(one, "status") == "paid"
            and text(one, "payment", "type") in ("payment_intent", "charge")
            for one in payments
        )
    return dig(answer, "attempted") is False


def _subscription(answer: object) -> Json | None:
    return expanded(answer, "parent", "subscription_details", "subscription") or expanded(
        answer, "subscription"
    )


def _is_proration(line: Json) -> bool:
    new = dig(line, "parent", "subscription_item_details", "proration")
    return bool(dig(line, "proration") or new)


def _line(line: Json) -> LineFacts:
    start, end = moment(line, "period", "start"), moment(line, "period", "end")
    is_span = start is not None and end is not None and start < end
    return LineFacts(
        description=text(line, "description"),
        amount=Money(whole(line, "amount"), currency_of(line)),
        period_start=start if is_span else None,
        period_end=end if is_span else None,
    )


def _line_product(line: object) -> str:
    return (
        ident(line, "pricing", "price_details", "product")
        or ident(line, "price", "product")
        or ident(line, "plan", "product")
    )


def _expanded_name(line: object) -> str:
    return (
        text(line, "pricing", "price_details", "product", "name")
        or text(line, "price", "product", "name")
        or text(line, "plan", "product", "name")
    )


def _offer_name(line: object, product_id: str, names: Mapping[str, str]) -> str:
    described = LINE_TEXT.fullmatch(text(line, "description"))
    return (
        _expanded_name(line)
        or names.get(product_id, "")
        or (described["name"] if described else "")
    )
