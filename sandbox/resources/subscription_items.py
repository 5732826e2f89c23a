"""Subscription items.

Source: https://docs.stripe.com/api/subscription_items
"""

from sandbox.billing import subscriptions
from sandbox.books import Books, snapshot
from sandbox.errors import invalid
from sandbox.resources.catalog import recurring_price
from sandbox.resources.common import merge_metadata, number, required
from sandbox.router import Call, page, route
from sandbox.types import Obj


def _find_item(books: Books, id: str) -> tuple[Obj, Obj]:
    for subscription in books.all("subscription"):
        for item in subscription["items"]["data"]:
            if item["id"] == id:
                return subscription, item
    raise invalid(f"No such subscription item: '{id}'", param="id", code="resource_missing")


@route("GET", "/v1/subscription_items", "SubscriptionItemListParams")
def list_items(call: Call) -> Obj:
    required(call.params, "subscription")
    subscription = call.books.get("subscription", call.params["subscription"])
    return page(call, subscription["items"]["data"][::-1])


@route("GET", "/v1/subscription_items/{id}")
def retrieve_item(call: Call) -> Obj:
    return _find_item(call.books, call.id)[1]


@route("POST", "/v1/subscription_items/{id}", "SubscriptionItemModifyParams")
def update_item(call: Call) -> Obj:
    books = call.books
    subscription, item = _find_item(books, call.id)
    before = snapshot(subscription)
    if call.params.get("price"):
        subscriptions.set_price(item, recurring_price(books, call.params["price"], param="price"))
    item["quantity"] = number(call.params, "quantity", item["quantity"])
    merge_metadata(item, call.params)
    books.save(subscription)
    books.emit("customer.subscription.updated", subscription, before)
    return item
