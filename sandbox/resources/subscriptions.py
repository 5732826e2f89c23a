"""Subscriptions and their items.

Source: https://docs.stripe.com/api/subscriptions
"""

from typing import Any

from sandbox.billing import closing, invoices, lines, subscriptions
from sandbox.books import DAY, Books, snapshot
from sandbox.errors import invalid, missing, refused
from sandbox.forms import as_int, as_list
from sandbox.resources.catalog import recurring_price
from sandbox.resources.common import (
    copy_given,
    flag,
    merge_metadata,
    metadata_of,
    number,
    required,
)
from sandbox.resources.customers import living
from sandbox.resources.invoices import declined
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj, Params
from sandbox.versions import DEFAULT_VERSION

BEHAVIOURS = (
    "allow_incomplete",
    "default_incomplete",
    "error_if_incomplete",
    "pending_if_incomplete",
)


@route("POST", "/v1/subscriptions", "SubscriptionCreateParams")
def create(call: Call) -> Obj:
    return start(call.books, call.params, version=call.version)


def start(
    books: Books, params: Params, *, version: str = DEFAULT_VERSION, present: bool = False
) -> Obj:
    """Begin a subscription as the API does: bill the first period at once.

    `present` means that the customer is there and confirms what the bank asks.

    Raises:
        ApiError: 402 if the first payment fails and `error_if_incomplete` was asked for.
    """
    required(params, "customer", "items")
    customer = living(books, params["customer"])
    behaviour = params.get("payment_behavior", "allow_incomplete")
    if behaviour not in BEHAVIOURS:
        raise invalid(f"Invalid payment_behavior: {behaviour}", param="payment_behavior")
    items = [_item(books, given, index) for index, given in enumerate(as_list(params["items"]))]
    if len({price["currency"] for price, _ in items}) > 1:
        raise invalid("All prices of a subscription must have one currency.", param="items")
    given = _given(books, params)
    begin, end, trial_end = _first_period(books, params, items[0][0])
    if trial_end is not None:
        given.update(status="trialing", trial_start=begin, trial_end=trial_end)
    subscription = subscriptions.new_subscription(
        books, customer=customer, items=items, given=given, start=begin, end=end
    )
    subscription["billing_cycle_anchor"] = trial_end or begin
    customer["currency"] = customer["currency"] or subscription["currency"]
    books.save(customer)
    result = subscriptions.first_invoice(
        books, subscription, charge=behaviour != "default_incomplete", present=present
    )
    if behaviour == "error_if_incomplete" and result is not None and result.error is not None:
        invoice = books.get("invoice", subscription["latest_invoice"])
        error = declined(books, invoice, result, version)
        closing.void(books, invoice)
        subscriptions.expire(books, subscription)
        raise error
    books.at(end, "subscription.renew", subscription["id"])
    if subscription["cancel_at"]:
        books.at(subscription["cancel_at"], "subscription.cancel", subscription["id"])
    return subscription


def _item(books: Books, given: Any, index: int) -> tuple[Obj, int]:
    required(given, "price")
    price = recurring_price(books, given["price"], param=f"items[{index}][price]")
    return price, number(given, "quantity", 1) or 0


def _given(books: Books, params: Params) -> Obj:
    given: Obj = {"metadata": metadata_of(params)}
    copy_given(given, params, ("description", "collection_method"))
    for name, param in (("default_payment_method", "default_payment_method"),):
        if params.get(param):
            given[name] = books.get("payment_method", params[param], param=param)["id"]
    if params.get("default_source"):
        given["default_source"] = books.get(
            "payment_method", params["default_source"], param="default_source"
        )["id"]
    if given.get("collection_method") == "send_invoice":
        required(params, "days_until_due")
        given["days_until_due"] = number(params, "days_until_due")
    given["cancel_at_period_end"] = flag(params, "cancel_at_period_end")
    if params.get("cancel_at"):
        given["cancel_at"] = number(params, "cancel_at")
    return given


def _first_period(books: Books, params: Params, price: Obj) -> tuple[int, int, int | None]:
    """Start and end of the first period, and the end of a trial if there is one."""
    begin = number(params, "backdate_start_date") or books.now
    trial_days, trial_end = number(params, "trial_period_days"), params.get("trial_end")
    if trial_days:
        end = begin + trial_days * DAY
        return begin, end, end
    if trial_end and trial_end != "now":
        end = as_int(trial_end, param="trial_end")
        return begin, end, end
    anchor = number(params, "billing_cycle_anchor")
    if anchor is not None:
        return begin, anchor, None
    recurring = price["recurring"]
    end = subscriptions.next_end(begin, begin, recurring["interval"], recurring["interval_count"])
    return begin, end, None


@route("GET", "/v1/subscriptions/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("subscription", call.id)


@route("GET", "/v1/subscriptions", "SubscriptionListParams")
def list_all(call: Call) -> Obj:
    books, params = call.books, call.params
    found = (
        books.where("subscription", "customer", params["customer"])
        if params.get("customer")
        else books.all("subscription")
    )
    status = params.get("status")
    if status is None:
        found = [item for item in found if item["status"] != "canceled"]
    elif status == "ended":
        found = [item for item in found if item["status"] in ("canceled", "incomplete_expired")]
    elif status != "all":
        found = [item for item in found if item["status"] == status]
    if params.get("price"):
        found = [
            item
            for item in found
            if any(part["price"]["id"] == params["price"] for part in item["items"]["data"])
        ]
    found = [
        item
        for item in found
        if matches(item, params, "collection_method", "test_clock")
        and within(item["created"], params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/subscriptions/{id}", "SubscriptionUpdateParams")
def update(call: Call) -> Obj:
    books, params = call.books, call.params
    subscription = books.get("subscription", call.id)
    if subscription["status"] in ("canceled", "incomplete_expired"):
        raise refused(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    before = snapshot(subscription)
    if "default_payment_method" in params:
        wanted = params["default_payment_method"]
        if wanted:
            books.get("payment_method", wanted, param="default_payment_method")
        subscription["default_payment_method"] = wanted or None
    copy_given(subscription, params, ("description", "collection_method", "default_source"))
    if "days_until_due" in params:
        subscription["days_until_due"] = number(params, "days_until_due")
    _update_end(books, subscription, params)
    if "pause_collection" in params:
        subscription["pause_collection"] = _pause(params["pause_collection"])
    if "items" in params:
        _update_items(books, subscription, as_list(params["items"]))
    merge_metadata(subscription, params)
    books.save(subscription)
    books.emit("customer.subscription.updated", subscription, before)
    return subscription


def _update_end(books: Books, subscription: Obj, params: Params) -> None:
    if "cancel_at_period_end" in params:
        wanted = flag(params, "cancel_at_period_end")
        subscription["cancel_at_period_end"] = wanted
        subscription["cancel_at"] = subscriptions.period_of(subscription)[1] if wanted else None
        subscription["canceled_at"] = books.now if wanted else None
        subscription["cancellation_details"]["reason"] = (
            "cancellation_requested" if wanted else None
        )
    if "cancel_at" in params:
        moment = number(params, "cancel_at")
        subscription["cancel_at"] = moment
        subscription["canceled_at"] = books.now if moment else None
        books.at(moment, "subscription.cancel", subscription["id"])


def _pause(given: Any) -> Obj | None:
    if not given:
        return None
    behaviour = given.get("behavior")
    if behaviour not in ("keep_as_draft", "mark_uncollectible", "void"):
        raise invalid("Invalid pause_collection[behavior]", param="pause_collection[behavior]")
    return {"behavior": behaviour, "resumes_at": number(given, "resumes_at")}


def _update_items(books: Books, subscription: Obj, wanted: list[Any]) -> None:
    """Change prices and quantities from the next period on; nothing is prorated here."""
    items = subscription["items"]["data"]
    for index, given in enumerate(wanted):
        if not given.get("id"):
            price, quantity = _item(books, given, index)
            subscriptions.add_item(
                books, subscription, price, quantity, subscriptions.period_of(subscription)
            )
            continue
        item = next((item for item in items if item["id"] == given["id"]), None)
        if item is None:
            raise invalid(f"No such subscription item: '{given['id']}'", param=f"items[{index}]")
        if flag(given, "deleted"):
            items.remove(item)
            continue
        if given.get("price"):
            subscriptions.set_price(
                item, recurring_price(books, given["price"], param=f"items[{index}][price]")
            )
        item["quantity"] = number(given, "quantity", item["quantity"])


@route("DELETE", "/v1/subscriptions/{id}", "SubscriptionCancelParams")
def cancel(call: Call) -> Obj:
    books, subscription = call.books, call.books.get("subscription", call.id)
    if subscription["status"] in ("canceled", "incomplete_expired"):
        # Stripe knows it no longer here, though it can still be read.
        raise missing("subscription", call.id)
    details = call.params.get("cancellation_details") or {}
    subscriptions.end(
        books, subscription, reason="cancellation_requested", comment=details.get("comment")
    )
    if flag(call.params, "invoice_now"):
        _bill_waiting(books, subscription)
    return subscription


def _bill_waiting(books: Books, subscription: Obj) -> None:
    waiting = [
        item
        for item in books.where("invoiceitem", "customer", subscription["customer"])
        if item["invoice"] is None and item["_subscription"] == subscription["id"]
    ]
    if not waiting:
        return
    invoice = invoices.new_invoice(
        books,
        customer=books.get("customer", subscription["customer"]),
        currency=subscription["currency"],
        billing_reason="subscription_update",
        subscription=subscription,
    )
    for item in waiting:
        lines.add_item_line(books, invoice, item)
    invoices.open_draft(books, invoice, finalizes_at=books.now + invoices.DRAFT_TIME)
