"""The life of a subscription: start, renewal, end.

Source: https://docs.stripe.com/billing/subscriptions/overview
"""

import calendar
from datetime import UTC, datetime

from sandbox.billing import closing, collection, invoices, lines, outcomes
from sandbox.billing.standing import set_status
from sandbox.books import DAY, HOUR, Books, list_of, snapshot
from sandbox.types import Obj
from sandbox.versions import plan_of

# How long a first invoice may stay unpaid.
INCOMPLETE_TIME = 23 * HOUR


def next_end(anchor: int, start: int, interval: str, count: int) -> int:
    """Return the end of the period that begins at `start`.

    Months keep the day of the anchor; a shorter month ends on its last day.
    """
    if interval == "day":
        return start + count * DAY
    if interval == "week":
        return start + count * 7 * DAY
    months = count * (12 if interval == "year" else 1)
    moment, first = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(anchor, UTC)
    month = moment.month - 1 + months
    year, month = moment.year + month // 12, month % 12 + 1
    day = min(first.day, calendar.monthrange(year, month)[1])
    return int(moment.replace(year=year, month=month, day=day).timestamp())


def new_subscription(
    books: Books, *, customer: Obj, items: list[tuple[Obj, int]], given: Obj, start: int, end: int
) -> Obj:
    """Make a subscription on (price, quantity) items whose first period is `start` to `end`."""
    id = books.new_id("subscription")
    subscription: Obj = {
        "id": id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": start,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible", "flexible": None, "updated_at": None},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": books.now,
        "currency": items[0][0]["currency"],
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": list_of([], f"/v1/subscription_items?subscription={id}"),
        "latest_invoice": None,
        "livemode": books.livemode,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": start,
        "status": "active",
        "test_clock": customer["test_clock"],
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
        **given,
    }
    for price, quantity in items:
        add_item(books, subscription, price, quantity, (start, end))
    return books.save(subscription)


def add_item(
    books: Books, subscription: Obj, price: Obj, quantity: int, period: tuple[int, int]
) -> Obj:
    item: Obj = {
        "id": books.new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": books.now,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "plan": plan_of(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }
    subscription["items"]["data"].append(item)
    return item


def period_of(subscription: Obj) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def new_period_invoice(
    books: Books, subscription: Obj, *, reason: str, period: tuple[int, int], free: bool = False
) -> Obj:
    """Make a draft that bills every item for a period, and whatever was waiting for an invoice."""
    customer = books.get("customer", subscription["customer"])
    invoice = invoices.new_invoice(
        books,
        customer=customer,
        currency=subscription["currency"],
        billing_reason=reason,
        subscription=subscription,
        period=period,
        collection_method=subscription["collection_method"],
        days_until_due=subscription["days_until_due"],
    )
    for item in subscription["items"]["data"]:
        price = item["price"]
        product = books.find("product", price["product"]) or {"name": price["product"]}
        interval = price["recurring"]["interval"]
        lines.add_line(
            books,
            invoice,
            amount=0 if free else price["unit_amount"] * item["quantity"],
            description=f"{item['quantity']} x {product['name']} (per {interval})",
            price=price,
            quantity=item["quantity"],
            period=period,
            metadata=dict(subscription["metadata"]),
            parent={
                "type": "subscription_item_details",
                "invoice_item_details": None,
                "subscription_item_details": {
                    "invoice_item": None,
                    "proration": False,
                    "proration_details": {"credited_items": None},
                    "subscription": subscription["id"],
                    "subscription_item": item["id"],
                },
            },
        )
    for waiting in books.where("invoiceitem", "customer", customer["id"]):
        if waiting["invoice"] is None and waiting["_subscription"] in (None, subscription["id"]):
            lines.add_item_line(books, invoice, waiting)
    subscription["latest_invoice"] = invoice["id"]
    books.save(subscription)
    return invoice


def first_invoice(
    books: Books, subscription: Obj, *, charge: bool, present: bool = False
) -> outcomes.Collected | None:
    """Bill the first period at once. Without `charge` the invoice is left for the customer.

    `present` means that the customer is there and confirms what the bank asks.
    """
    trial = subscription["trial_end"] is not None
    invoice = new_period_invoice(
        books,
        subscription,
        reason="subscription_create",
        period=period_of(subscription),
        free=trial,
    )
    sends = invoice["collection_method"] == "send_invoice"
    if not trial and not sends:
        subscription["status"] = "incomplete"
        books.save(subscription)
        books.at(books.now + INCOMPLETE_TIME, "subscription.expire", subscription["id"])
    books.emit("customer.subscription.created", subscription)
    books.emit("invoice.created", invoice)
    invoices.finalize(books, invoice)
    if invoice["status"] != "open" or sends:
        return None
    # Stripe does not retry a first invoice by itself.
    invoice["auto_advance"] = False
    invoice["next_payment_attempt"] = None
    books.at(None, "invoice.retry", invoice["id"])
    books.save(invoice)
    if not charge:
        return None
    return collection.collect(
        books, invoice, automatic=True, off_session=not present, authenticated=present
    )


def renew(books: Books, subscription: Obj) -> None:
    """End the subscription with its period, or bill the next one."""
    if subscription["status"] in ("canceled", "incomplete", "incomplete_expired"):
        return
    start, end_of_period = period_of(subscription)
    if subscription["cancel_at_period_end"]:
        end(books, subscription, reason="cancellation_requested")
        return
    before = snapshot(subscription)
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    following = next_end(
        subscription["billing_cycle_anchor"],
        end_of_period,
        recurring["interval"],
        recurring["interval_count"],
    )
    for item in subscription["items"]["data"]:
        item["current_period_start"], item["current_period_end"] = end_of_period, following
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    books.at(following, "subscription.renew", subscription["id"])
    invoice = new_period_invoice(
        books, subscription, reason="subscription_cycle", period=(start, end_of_period)
    )
    if _is_held_back(subscription):
        # While unpaid, new invoices stay drafts and nothing is tried.
        invoice["auto_advance"] = False
    books.emit("customer.subscription.updated", subscription, before)
    invoices.open_draft(books, invoice, finalizes_at=books.now + invoices.DRAFT_TIME)


def _is_held_back(subscription: Obj) -> bool:
    pause = subscription["pause_collection"] or {}
    return subscription["status"] == "unpaid" or pause.get("behavior") == "keep_as_draft"


def end(books: Books, subscription: Obj, *, reason: str, comment: str | None = None) -> None:
    """Cancel now. Open invoices stay payable but are no longer collected automatically."""
    subscription.update(
        status="canceled",
        canceled_at=subscription["canceled_at"] or books.now,
        ended_at=books.now,
        cancel_at_period_end=False,
    )
    subscription["cancellation_details"] = {"comment": comment, "feedback": None, "reason": reason}
    books.save(subscription)
    for action in ("subscription.renew", "subscription.expire", "subscription.cancel"):
        books.at(None, action, subscription["id"])
    books.emit("customer.subscription.deleted", subscription)
    for invoice in books.where("invoice", "_subscription", subscription["id"]):
        closing.stop_collecting(books, invoice)
    _end_schedule(books, subscription, reason)


def _end_schedule(books: Books, subscription: Obj, reason: str) -> None:
    schedule = books.find("subscription_schedule", subscription["schedule"])
    if schedule is None or schedule["status"] not in ("active", "not_started"):
        return
    schedule["status"] = "canceled"
    schedule["canceled_at"] = books.now
    schedule["current_phase"] = None
    books.at(None, "schedule.phase", schedule["id"])
    books.save(schedule)
    aborted = reason == "payment_failed"
    books.emit(f"subscription_schedule.{'aborted' if aborted else 'canceled'}", schedule)


def expire(books: Books, subscription: Obj) -> None:
    """Give up a subscription whose first invoice was not paid in time."""
    if subscription["status"] != "incomplete":
        return
    invoice = books.find("invoice", subscription["latest_invoice"])
    if invoice is not None and invoice["status"] == "open":
        closing.void(books, invoice)
    subscription["ended_at"] = books.now
    books.at(None, "subscription.renew", subscription["id"])
    set_status(books, subscription, "incomplete_expired")


def set_price(item: Obj, price: Obj) -> None:
    """Bill the item by another price from the next period on."""
    item["price"] = price
    item["plan"] = plan_of(price)
