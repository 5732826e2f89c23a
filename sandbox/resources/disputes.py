"""Disputes.

Source: https://docs.stripe.com/api/disputes
"""

from sandbox.billing import disputes
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj


@route("GET", "/v1/disputes/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("dispute", call.id)


@route("GET", "/v1/disputes", "DisputeListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("dispute")
        if matches(item, call.params, "charge", "payment_intent")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/disputes/{id}/close", "DisputeCloseParams")
def close(call: Call) -> Obj:
    """Give the dispute up: the money stays with the customer."""
    dispute = call.books.get("dispute", call.id)
    disputes.close_dispute(call.books, dispute, won=False)
    return dispute
