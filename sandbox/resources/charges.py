"""Charges, refunds and mandates.

Source: https://docs.stripe.com/api/charges, /api/refunds, /api/mandates
"""

from sandbox.billing import disputes
from sandbox.books import Books, list_of
from sandbox.errors import invalid
from sandbox.render import includable
from sandbox.resources.common import (
    copy_given,
    merge_metadata,
    metadata_of,
    number,
)
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj


@route("GET", "/v1/charges/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("charge", call.id)


@route("GET", "/v1/charges", "ChargeListParams")
def list_all(call: Call) -> Obj:
    books, params = call.books, call.params
    if params.get("payment_intent"):
        found = books.where("charge", "payment_intent", params["payment_intent"])
    elif params.get("customer"):
        found = books.where("charge", "customer", params["customer"])
    else:
        found = books.all("charge")
    found = [
        item
        for item in found
        if matches(item, params, "customer", "payment_intent")
        and within(item["created"], params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/charges/{id}", "ChargeUpdateParams")
def update(call: Call) -> Obj:
    charge = call.books.get("charge", call.id)
    copy_given(charge, call.params, ("description", "receipt_email"))
    merge_metadata(charge, call.params)
    return call.books.save(charge)


@includable("charge", "refunds")
def refunds_of(books: Books, public: Obj) -> Obj:
    found = books.where("refund", "charge", public["id"])
    return list_of(found[::-1], f"/v1/charges/{public['id']}/refunds")


@includable("charge", "dispute")
def dispute_of(books: Books, public: Obj) -> Obj | None:
    found = books.where("dispute", "charge", public["id"])
    return found[-1] if found else None


@route("POST", "/v1/refunds", "RefundCreateParams")
def create_refund(call: Call) -> Obj:
    books, params = call.books, call.params
    if params.get("payment_intent"):
        intent = books.get("payment_intent", params["payment_intent"], param="payment_intent")
        charge_id = intent["latest_charge"]
    else:
        charge_id = params.get("charge")
    if not charge_id:
        raise invalid("One of the following params should be provided: payment_intent or charge.")
    charge = books.get("charge", charge_id, param="charge")
    method = books.find("payment_method", charge["payment_method"]) or {"_behaviour": []}
    left = charge["amount"] - charge["amount_refunded"]
    return disputes.refund(
        books,
        charge,
        amount=number(params, "amount", left) or left,
        reason=params.get("reason"),
        metadata=metadata_of(params),
        fails=any(rule["do"] == "refund_fails" for rule in method["_behaviour"]),
    )


@route("GET", "/v1/refunds/{id}")
def retrieve_refund(call: Call) -> Obj:
    return call.books.get("refund", call.id)


@route("GET", "/v1/refunds", "RefundListParams")
def list_refunds(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("refund")
        if matches(item, call.params, "charge", "payment_intent")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("GET", "/v1/mandates/{id}")
def retrieve_mandate(call: Call) -> Obj:
    return call.books.get("mandate", call.id)
