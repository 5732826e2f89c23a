"""Credit notes: less is owed on an open invoice, or money goes back on a paid one.

Source: https://docs.stripe.com/api/credit_notes
"""

from sandbox.billing import outcomes
from sandbox.books import list_of, snapshot
from sandbox.errors import refused
from sandbox.resources.common import metadata_of, number, required
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj


@route("POST", "/v1/credit_notes", "CreditNoteCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    required(params, "invoice", "amount")
    invoice = books.get("invoice", params["invoice"], param="invoice")
    amount = number(params, "amount", 0) or 0
    is_open = invoice["status"] in ("open", "uncollectible")
    most = invoice["amount_remaining"] if is_open else invoice["amount_paid"]
    if invoice["status"] in ("draft", "void") or not 0 < amount <= most:
        raise refused("The sum of credit notes may not be more than the invoice.", param="amount")
    id = books.new_id("credit_note")
    count = sum(note["invoice"] == invoice["id"] for note in books.all("credit_note"))
    note: Obj = {
        "id": id,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": books.now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": books.now,
        "invoice": invoice["id"],
        "lines": list_of([], f"/v1/credit_notes/{id}/lines"),
        "livemode": books.livemode,
        "memo": params.get("memo"),
        "metadata": metadata_of(params),
        "number": f"{invoice['number']}-CN-{count + 1:02d}",
        "out_of_band_amount": number(params, "out_of_band_amount"),
        "pdf": f"https://pay.stripe.com/credit_notes/{books.account}/{id}/pdf",
        "post_payment_amount": 0 if is_open else amount,
        "pre_payment_amount": amount if is_open else 0,
        "pretax_credit_amounts": [],
        "reason": params.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "type": "pre_payment" if is_open else "post_payment",
        "voided_at": None,
    }
    books.save(note)
    before = snapshot(invoice)
    if is_open:
        invoice["pre_payment_credit_notes_amount"] += amount
        invoice["amount_due"] -= amount
        invoice["amount_remaining"] -= amount
        if invoice["amount_remaining"] == 0:
            outcomes.mark_paid(books, invoice)
    else:
        invoice["post_payment_credit_notes_amount"] += amount
    books.save(invoice)
    books.emit("credit_note.created", note)
    books.emit("invoice.updated", invoice, before)
    if invoice["status"] == "paid" and before["status"] != "paid":
        outcomes.credited(books, invoice)
    return note


@route("GET", "/v1/credit_notes/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("credit_note", call.id)


@route("GET", "/v1/credit_notes", "CreditNoteListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("credit_note")
        if matches(item, call.params, "invoice", "customer")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/credit_notes/{id}/void", "CreditNoteVoidCreditNoteParams")
def void(call: Call) -> Obj:
    books, note = call.books, call.books.get("credit_note", call.id)
    invoice = books.get("invoice", note["invoice"])
    if note["status"] == "void" or note["type"] == "post_payment" or invoice["status"] == "paid":
        raise refused("You can only void credit notes of open invoices.")
    before = snapshot(invoice)
    note.update(status="void", voided_at=books.now)
    invoice["pre_payment_credit_notes_amount"] -= note["amount"]
    invoice["amount_due"] += note["amount"]
    invoice["amount_remaining"] += note["amount"]
    books.save(note)
    books.save(invoice)
    books.emit("credit_note.voided", note)
    books.emit("invoice.updated", invoice, before)
    return note
