"""Payment intents: read, and confirmed by the customer after 3DS.

Charging an invoice goes through the invoice alone, so none can be created here.
Source: https://docs.stripe.com/api/payment_intents
"""

from sandbox.billing import closing, collection
from sandbox.books import Books
from sandbox.errors import refused
from sandbox.resources.common import flag
from sandbox.resources.invoices import declined
from sandbox.resources.payment_methods import take
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj


@route("GET", "/v1/payment_intents/{id}", "PaymentIntentRetrieveParams")
def retrieve(call: Call) -> Obj:
    return call.books.get("payment_intent", call.id)


@route("GET", "/v1/payment_intents", "PaymentIntentListParams")
def list_all(call: Call) -> Obj:
    books, customer = call.books, call.params.get("customer")
    found = (
        books.where("payment_intent", "customer", customer)
        if customer
        else books.all("payment_intent")
    )
    found = [
        item
        for item in found
        if matches(item, call.params, "customer")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/payment_intents/{id}/confirm", "PaymentIntentConfirmParams")
def confirm(call: Call) -> Obj:
    """Charge the intent's invoice with the customer present."""
    books, params = call.books, call.params
    intent = books.get("payment_intent", call.id)
    invoice = _open_invoice(books, intent)
    books.sandbox.judge.on_pay(books, invoice)
    method = take(books, params["payment_method"]) if params.get("payment_method") else None
    result = collection.collect(
        books,
        invoice,
        automatic=False,
        method=method,
        off_session=flag(params, "off_session"),
    )
    if result.result == "declined":
        raise declined(books, invoice, result, call.version)
    return books.get("payment_intent", call.id)


@route("POST", "/v1/payment_intents/{id}/cancel", "PaymentIntentCancelParams")
def cancel(call: Call) -> Obj:
    intent = call.books.get("payment_intent", call.id)
    invoice = _open_invoice(call.books, intent)
    closing.cancel_intent(call.books, invoice, reason="requested_by_customer")
    return intent


def _open_invoice(books: Books, intent: Obj) -> Obj:
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise refused(
            f"This PaymentIntent's status is {intent['status']}.",
            code="payment_intent_unexpected_state",
        )
    return books.get("invoice", intent["_invoice"])
