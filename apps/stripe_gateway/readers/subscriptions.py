"""Subscriptions and payment plans, before and after 2025-03-31.basil."""

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from types import MappingProxyType

from apps.dunning.money import Money
from apps.stripe_gateway.facts import SubscriptionFacts
from apps.stripe_gateway.readers.charges import EPOCH
from apps.stripe_gateway.readers.common import (
    NO_CURRENCY,
    Json,
    currency_of,
    dig,
    expanded,
    ident,
    labels,
    moment,
    own_id,
    rows,
    text,
    whole,
    whole_or_none,
)
from apps.stripe_gateway.readers.methods import method_from

NO_NAMES: Mapping[str, str] = MappingProxyType({})
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}


def subscription_facts(
    answer: Json, *, product_names: Mapping[str, str] = NO_NAMES
) -> SubscriptionFacts:
    """Read a subscription; its offer is the product of the first item.

    `product_names` lends names of products that Stripe sent as ids.
    """
    items = [(_price(item), item) for item in rows(answer, "items")] or [
        (dig(answer, "plan"), answer)
    ]
    price = items[0][0]
    product_id = ident(price, "product")
    interval, count = interval_of(price)
    ends = [
        moment(answer, "current_period_end"),
        *(moment(i, "current_period_end") for _, i in items),
    ]
    schedule = expanded(answer, "schedule")
    total = installments(schedule, interval, count) if schedule else None
    status = text(answer, "status")
    return SubscriptionFacts(
        id=own_id(answer, "subscription"),
        customer_id=ident(answer, "customer"),
        status=status,
        offer_name=text(price, "product", "name")
        or product_names.get(product_id, "")
        or text(price, "nickname"),
        product_id=product_id,
        amount=_amount(answer, items),
        interval=interval,
        interval_count=count,
        started_at=moment(answer, "start_date") or moment(answer, "created") or EPOCH,
        current_period_end=min((end for end in ends if end), default=None),
        cancel_at_period_end=bool(dig(answer, "cancel_at_period_end")),
        cancel_at=moment(answer, "cancel_at"),
        canceled_at=moment(answer, "canceled_at"),
        ended_at=moment(answer, "ended_at"),
        cancellation_reason=text(answer, "cancellation_details", "reason"),
        latest_invoice_id=ident(answer, "latest_invoice"),
        schedule_id=ident(answer, "schedule"),
        installments_total=total,
        ran_to_its_end=bool(total)
        and status == "canceled"
        and text(schedule or {}, "status") == "completed",
        default_method=method_from(dig(answer, "default_payment_method"))
        or method_from(dig(answer, "default_source")),
        default_method_id=ident(answer, "default_payment_method"),
        default_source_id=ident(answer, "default_source"),
        trial_end=moment(answer, "trial_end"),
        collection_paused=expanded(answer, "pause_collection") is not None,
        metadata=labels(answer),
    )


def product_ids(answer: object) -> tuple[str, ...]:
    """List the products of a subscription that Stripe sent without their name."""
    prices = [_price(item) for item in rows(answer, "items")] or [dig(answer, "plan")]
    found = (ident(price, "product") for price in prices if not text(price, "product", "name"))
    return tuple(dict.fromkeys(product for product in found if product))


def interval_of(price: object) -> tuple[str, int]:
    """Read how often a price is charged; a plan has it on top."""
    recurring = dig(price, "recurring") or price
    return text(recurring, "interval"), whole(recurring, "interval_count") or 1


def installments(schedule: Json, interval: str, count: int) -> int | None:
    """Count a payment plan's instalments: the periods of a schedule that ends by canceling.

    None for a schedule that goes on for ever, or one without end dates.
    Source: https://docs.stripe.com/billing/subscriptions/subscription-schedules
    """
    if text(schedule, "end_behavior") != "cancel":
        return None
    total = 0
    for phase in rows(schedule, "phases"):
        start, end = moment(phase, "start_date"), moment(phase, "end_date")
        periods = whole_or_none(phase, "iterations")
        if periods is None and start and end:
            periods = _periods(start, end, interval, count)
        if periods is None:
            return None
        total += periods
    return total or None


def _periods(start: dt.datetime, end: dt.datetime, interval: str, count: int) -> int | None:
    if interval in MONTHS:
        months = (end.year - start.year) * 12 + end.month - start.month
        return round(months / (MONTHS[interval] * count))
    if interval in DAYS:
        return round((end - start).total_seconds() / 86400 / (DAYS[interval] * count))
    return None


def _price(item: Json) -> object:
    return dig(item, "price") or dig(item, "plan")


def _amount(answer: Json, items: list[tuple[object, Json]]) -> Money:
    total = 0
    currency = currency_of(answer)
    for price, item in items:
        quantity = whole_or_none(item, "quantity")
        total += _per_interval(price, 1 if quantity is None else quantity)
        if currency == NO_CURRENCY:
            currency = currency_of(price)
    return Money(total, currency)


def _per_interval(price: object, quantity: int) -> int:
    """Multiply before rounding: prices may have parts of the smallest unit."""
    exact = dig(price, "unit_amount_decimal") or dig(price, "amount_decimal")
    if exact is None:
        return (whole(price, "unit_amount") or whole(price, "amount")) * quantity
    try:
        return int((Decimal(str(exact)) * quantity).to_integral_value(ROUND_HALF_UP))
    except InvalidOperation:
        return whole(price, "unit_amount") * quantity
