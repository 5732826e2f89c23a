"""Ways an invoice ends other than by a charge.

Source: https://docs.stripe.com/invoicing/overview
"""

from sandbox.billing import outcomes, standing
from sandbox.books import Books, snapshot
from sandbox.errors import refused
from sandbox.types import Obj


def _close(books: Books, invoice: Obj) -> None:
    invoice["next_payment_attempt"] = None
    invoice["_closed_at"] = books.now
    for action in ("invoice.retry", "invoice.finalize", "invoice.overdue"):
        books.at(None, action, invoice["id"])


def void(books: Books, invoice: Obj) -> None:
    """As if it was never owed; for good."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise refused("You can only pass in open or uncollectible invoices.")
    before = snapshot(invoice)
    _close(books, invoice)
    invoice["status"] = "void"
    invoice["auto_advance"] = False
    invoice["status_transitions"]["voided_at"] = books.now
    books.save(invoice)
    cancel_intent(books, invoice, reason="void_invoice")
    books.emit("invoice.voided", invoice)
    books.emit("invoice.updated", invoice, before)
    standing.invoice_closed(books, invoice, paid=False)


def mark_uncollectible(books: Books, invoice: Obj) -> None:
    """Bad debt: may still be paid or voided, and leaves the subscription alone."""
    if invoice["status"] not in ("draft", "open"):
        raise refused("You can only mark draft or open invoices as uncollectible.")
    before = snapshot(invoice)
    _close(books, invoice)
    invoice["status"] = "uncollectible"
    invoice["auto_advance"] = False
    invoice["status_transitions"]["marked_uncollectible_at"] = books.now
    books.save(invoice)
    books.emit("invoice.marked_uncollectible", invoice)
    books.emit("invoice.updated", invoice, before)
    standing.invoice_closed(books, invoice, paid=False)


def pay_out_of_band(books: Books, invoice: Obj) -> None:
    """Paid elsewhere: no money moves here, yet `amount_paid` becomes the full amount."""
    before = snapshot(invoice)
    invoice["amount_paid"] = invoice["amount_due"]
    invoice["amount_remaining"] = 0
    invoice["_out_of_band"] = True
    outcomes.mark_paid(books, invoice)
    books.save(invoice)
    books.emit("invoice.updated", invoice, before)
    books.emit("invoice.paid", invoice)
    cancel_intent(books, invoice, reason="automatic")
    standing.invoice_closed(books, invoice, paid=True)


def cancel_intent(books: Books, invoice: Obj, *, reason: str) -> None:
    """Cancel the invoice's open payment intent."""
    intent = books.find("payment_intent", invoice["_payment_intent"])
    if intent is None or intent["status"] in ("succeeded", "canceled"):
        return
    books.at(None, "intent.settle", intent["id"])
    intent.update(status="canceled", canceled_at=books.now, cancellation_reason=reason)
    books.save(intent)
    payment = outcomes.default_payment(books, invoice)
    payment["status"] = "canceled"
    payment["status_transitions"]["canceled_at"] = books.now
    books.save(payment)
    books.emit("payment_intent.canceled", intent)


def stop_collecting(books: Books, invoice: Obj) -> None:
    """Switch automatic collection off, as canceling a subscription does to its open invoices."""
    if invoice["status"] not in ("draft", "open") or not invoice["auto_advance"]:
        return
    before = snapshot(invoice)
    _switch_off(books, invoice)
    books.emit("invoice.updated", invoice, before)


def _switch_off(books: Books, invoice: Obj) -> None:
    invoice["auto_advance"] = False
    invoice["next_payment_attempt"] = None
    invoice["automatically_finalizes_at"] = None
    for action in ("invoice.retry", "invoice.finalize", "invoice.automation"):
        books.at(None, action, invoice["id"])
    books.save(invoice)
