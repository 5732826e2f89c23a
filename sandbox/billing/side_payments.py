"""Payments beside the collection of a whole invoice: parts of one, and charges without any."""

from sandbox import cards
from sandbox.billing import intents
from sandbox.billing.outcomes import decline_of
from sandbox.books import Books, snapshot
from sandbox.types import Obj


def pay_part(books: Books, invoice: Obj, method: Obj, amount: int) -> None:
    """Pay some of an open invoice by a payment of its own; the rest remains to be collected."""
    if not 0 < amount < invoice["amount_remaining"]:
        raise ValueError("a part is more than nothing and less than what remains")
    before = snapshot(invoice)
    intent = intents.new_intent(
        books,
        amount=amount,
        currency=invoice["currency"],
        customer=invoice["customer"],
        invoice=invoice["id"],
        description="Payment for Invoice",
    )
    payment = intents.new_invoice_payment(
        books, invoice=invoice, intent=intent, amount=amount, is_default=False
    )
    charge = charge_alone(books, intent, method)
    if charge["status"] != "succeeded":
        return
    payment.update(status="paid", amount_paid=amount)
    payment["status_transitions"]["paid_at"] = books.now
    invoice["amount_paid"] += amount
    invoice["amount_remaining"] -= amount
    books.save(payment)
    books.save(invoice)
    books.emit("invoice_payment.paid", payment)
    books.emit("invoice.updated", invoice, before)


def charge_alone(books: Books, intent: Obj, method: Obj) -> Obj:
    """Charge an intent that belongs to no invoice; return the charge."""
    verdict = cards.judge_charge(method, now=books.now, off_session=False, authenticated=True)
    charge = intents.new_charge(
        books, intent=intent, method=method, amount=intent["amount"], automatic=False
    )
    intent["latest_charge"] = charge["id"]
    if verdict.result == "declined":
        decline = decline_of(verdict)
        intents.fail_charge(charge, decline, shown_reason=None)
        charge["_reason"] = verdict.reason
        error = intents.error_body(books, decline=decline, charge=charge, method=method)
        intent["last_payment_error"] = error
    else:
        intents.settle_charge(books, charge)
        intent.update(
            status="succeeded", amount_received=intent["amount"], payment_method=method["id"]
        )
    books.save(method)
    books.save(charge)
    books.save(intent)
    failed = charge["status"] == "failed"
    books.emit("charge.failed" if failed else "charge.succeeded", charge)
    books.emit("payment_intent.payment_failed" if failed else "payment_intent.succeeded", intent)
    return charge
