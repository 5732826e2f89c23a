"""Invoices and their payments.

Source: https://docs.stripe.com/api/invoices, /api/invoice-payment
"""

from sandbox.billing import closing, collection, invoices, lines, outcomes
from sandbox.billing.methods import method_for
from sandbox.books import Books, snapshot
from sandbox.errors import ApiError, invalid, missing, refused
from sandbox.render import includable, render
from sandbox.resources.common import (
    copy_given,
    currency_of,
    flag,
    merge_metadata,
    metadata_of,
    number,
    required,
)
from sandbox.resources.customers import living
from sandbox.resources.payment_methods import take
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj
from sandbox.versions import is_old


@route("GET", "/v1/invoices", "InvoiceListParams")
def list_all(call: Call) -> Obj:
    books, params = call.books, call.params
    if params.get("subscription"):
        found = books.where("invoice", "_subscription", params["subscription"])
    elif params.get("customer"):
        found = books.where("invoice", "customer", params["customer"])
    elif params.get("status"):
        found = books.where("invoice", "status", params["status"])
    else:
        found = books.all("invoice")
    found = [
        item
        for item in found
        if matches(item, params, "customer", "status", "collection_method")
        and within(item["created"], params.get("created"))
        and within(item["due_date"], params.get("due_date"))
    ]
    return page(call, found)


@route("POST", "/v1/invoices", "InvoiceCreateParams")
def create(call: Call) -> Obj:
    """Make a draft for what waits for an invoice (`pending_invoice_items_behavior` include) or empty."""
    books, params = call.books, call.params
    required(params, "customer")
    customer = living(books, params["customer"])
    subscription = None
    if params.get("subscription"):
        subscription = books.get("subscription", params["subscription"], param="subscription")
    given: Obj = {}
    copy_given(given, params, ("description", "footer", "default_payment_method"))
    given["metadata"] = metadata_of(params)
    waiting = [
        item
        for item in books.where("invoiceitem", "customer", customer["id"])
        if item["invoice"] is None
    ]
    if params.get("pending_invoice_items_behavior") != "include":
        waiting = []
    if params.get("currency"):
        currency = currency_of(params)
    else:
        currency = waiting[0]["currency"] if waiting else books.settings["currency"]
    invoice = invoices.new_invoice(
        books,
        customer=customer,
        currency=currency,
        billing_reason="manual",
        subscription=subscription,
        auto_advance=flag(params, "auto_advance"),
        collection_method=params.get("collection_method", "charge_automatically"),
        days_until_due=number(params, "days_until_due"),
        given=given,
    )
    for item in waiting:
        lines.add_item_line(books, invoice, item)
    invoices.open_draft(books, invoice, finalizes_at=books.now + invoices.DRAFT_TIME)
    return invoice


@route("GET", "/v1/invoices/upcoming")
def upcoming(call: Call) -> Obj:
    raise ApiError(
        404,
        "The upcoming invoice endpoint was replaced by POST /v1/invoices/create_preview.",
        code="invoice_upcoming_none",
    )


@route("GET", "/v1/invoices/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("invoice", call.id)


@route("POST", "/v1/invoices/{id}", "InvoiceUpdateParams")
def update(call: Call) -> Obj:
    """Change a draft, or what may change later: metadata, `auto_advance`, payment method."""
    books, params = call.books, call.params
    invoice = books.get("invoice", call.id)
    if invoice["status"] in ("paid", "void") and set(params) - {"metadata", "expand"}:
        raise refused(f"This invoice is {invoice['status']} and cannot be changed any more.")
    if "auto_advance" in params:
        _set_auto_advance(books, invoice, flag(params, "auto_advance"))
    before = snapshot(invoice)
    copy_given(
        invoice, params, ("description", "footer", "default_payment_method", "default_source")
    )
    if "collection_method" in params:
        invoice["collection_method"] = params["collection_method"]
    merge_metadata(invoice, params)
    books.save(invoice)
    books.emit("invoice.updated", invoice, before)
    return invoice


def _set_auto_advance(books: Books, invoice: Obj, wanted: bool) -> None:
    if wanted == invoice["auto_advance"]:
        return
    if wanted:
        invoices.start_collecting(books, invoice)
    else:
        closing.stop_collecting(books, invoice)


@route("DELETE", "/v1/invoices/{id}")
def delete(call: Call) -> Obj:
    books, invoice = call.books, call.books.get("invoice", call.id)
    if invoice["status"] != "draft":
        raise refused("You can only delete draft invoices.")
    books.delete(invoice)
    books.emit("invoice.deleted", invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


@route("POST", "/v1/invoices/{id}/finalize", "InvoiceFinalizeInvoiceParams")
def finalize(call: Call) -> Obj:
    books, invoice = call.books, call.books.get("invoice", call.id)
    if invoice["status"] != "draft":
        raise refused(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        )
    if "auto_advance" in call.params:
        invoice["auto_advance"] = flag(call.params, "auto_advance")
    invoices.finalize(books, invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/send", "InvoiceSendInvoiceParams")
def send(call: Call) -> Obj:
    books, invoice = call.books, call.books.get("invoice", call.id)
    if invoice["status"] == "draft":
        invoices.finalize(books, invoice)
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise refused(f"You cannot send an invoice that is {invoice['status']}.")
    books.emit("invoice.sent", invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/void", "InvoiceVoidInvoiceParams")
def void(call: Call) -> Obj:
    books, invoice = call.books, call.books.get("invoice", call.id)
    closing.void(books, invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/mark_uncollectible", "InvoiceMarkUncollectibleParams")
def mark_uncollectible(call: Call) -> Obj:
    books, invoice = call.books, call.books.get("invoice", call.id)
    closing.mark_uncollectible(books, invoice)
    return invoice


@route("POST", "/v1/invoices/{id}/pay", "InvoicePayParams")
def pay(call: Call) -> Obj:
    """Charge what remains, now. Answers as stripe's own: 200, 402 with the decline, or 400."""
    books, params = call.books, call.params
    invoice = books.get("invoice", call.id)
    judge = books.sandbox.judge
    judge.on_pay(books, invoice)
    if invoice["status"] not in ("open", "uncollectible"):
        judge.on_closed(books, invoice)
        raise _not_payable(invoice)
    living(books, invoice["customer"])
    if flag(params, "paid_out_of_band"):
        closing.pay_out_of_band(books, invoice)
        return invoice
    intent = books.find("payment_intent", invoice["_payment_intent"])
    if intent is not None and intent["status"] == "processing":
        raise refused(
            "This invoice's payment is still processing and cannot be paid again.",
            code="payment_intent_unexpected_state",
        )
    method = _method(books, invoice, params.get("payment_method") or params.get("source"))
    off_session = flag(params, "off_session", True)
    if off_session:
        judge.on_unwanted(books, invoice)
        judge.on_open(books, invoice)
    judge.on_charge(books, method, confirmed=not off_session)
    result = collection.collect(
        books, invoice, automatic=False, method=method, off_session=off_session
    )
    if result.result == "declined":
        raise declined(books, invoice, result, call.version)
    if result.result == "action":
        raise refused(
            "This payment requires additional user action before it can be completed "
            "successfully. Payment can be completed using the PaymentIntent associated with the "
            "invoice.",
            code="invoice_payment_intent_requires_action",
        )
    return invoice


def declined(books: Books, invoice: Obj, result: outcomes.Collected, version: str) -> ApiError:
    """Return the 402: every layer of the decline, the intent and the method."""
    error = dict(result.error or {})
    intent = books.get("payment_intent", invoice["_payment_intent"])
    return ApiError(
        402,
        error.pop("message"),
        type=error.pop("type"),
        code=error.pop("code"),
        param=error.pop("param", None),
        stored=True,
        retry=False,
        extra={**error, "payment_intent": render(intent, version)},
    )


def _not_payable(invoice: Obj) -> ApiError:
    status = invoice["status"]
    if status == "paid":
        return refused("Invoice is already paid", code="invoice_already_paid")
    return refused(f"Invoice is {status} and cannot be paid.", code=f"invoice_not_open_{status}")


def _method(books: Books, invoice: Obj, wanted: str | None) -> Obj:
    """Return the method to charge: the one named, which must be the customer's, or by Stripe's order."""
    if wanted:
        method = take(books, wanted)
        if method["customer"] not in (None, invoice["customer"]):
            raise invalid("The PaymentMethod belongs to another Customer.", param="payment_method")
        return method
    found = method_for(books, invoice)
    if found is None:
        raise ApiError(
            400,
            "Cannot charge a customer that has no active card or payment method.",
            code="missing",
            stored=True,
        )
    return found


# Payments of invoices


@route("GET", "/v1/invoice_payments", "InvoicePaymentListParams")
def list_payments(call: Call) -> Obj:
    books, params = call.books, call.params
    wanted = (params.get("payment") or {}).get("payment_intent")
    if params.get("invoice"):
        found = books.where("invoice_payment", "invoice", params["invoice"])
    elif wanted:
        found = books.where("invoice_payment", "_payment_intent", wanted)
    else:
        found = books.all("invoice_payment")
    if is_old(call.version):
        raise missing("invoice_payments", "list")
    found = [
        item
        for item in found
        if matches(item, params, "status")
        and wanted in (None, item["_payment_intent"])
        and within(item["created"], params.get("created"))
    ]
    return page(call, found)


@route("GET", "/v1/invoice_payments/{id}")
def retrieve_payment(call: Call) -> Obj:
    return call.books.get("invoice_payment", call.id)


@includable("invoice", "payments")
def payments_of(books: Books, public: Obj) -> Obj:
    return invoices.new_payment_list(books, public["id"])


@includable("invoice", "confirmation_secret")
def secret_of(books: Books, public: Obj) -> Obj | None:
    return invoices.confirmation_secret(books, books.get("invoice", public["id"]))


@route("GET", "/v1/invoices/{id}/lines", "InvoiceListLinesParams")
def list_lines(call: Call) -> Obj:
    return page(call, call.books.get("invoice", call.id)["lines"]["data"][::-1])
