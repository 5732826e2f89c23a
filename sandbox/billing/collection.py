"""Collecting an invoice: one charge with everything that follows from it."""

from dataclasses import replace

from sandbox import cards
from sandbox.billing import intents, outcomes
from sandbox.billing.methods import BANK_DEBITS, is_indian, method_for
from sandbox.books import DAY, HOUR, Books, snapshot
from sandbox.types import Obj

# An Indian card is charged 26 hours after the customer was told; above this each payment needs
# the customer. Source: https://docs.stripe.com/india-recurring-payments
INDIA_WAIT = 26 * HOUR
INDIA_LIMIT = 15_000_00


def collect(
    books: Books,
    invoice: Obj,
    *,
    automatic: bool,
    method: Obj | None = None,
    off_session: bool = True,
    authenticated: bool = False,
) -> outcomes.Collected:
    """Charge what remains of an open invoice once.

    `automatic` means by Stripe itself: only such tries, and the first of any kind, are counted in
    `attempt_count`. Without `method` Stripe's order decides who is charged.
    """
    before = snapshot(invoice)
    invoice["attempted"] = True
    if automatic or invoice["attempt_count"] == 0:
        invoice["attempt_count"] += 1
    if automatic and invoice["_first_try"] is None:
        invoice["_first_try"] = books.now
    method = method or method_for(books, invoice)
    if method is None:
        return outcomes.no_method(books, invoice, before, automatic=automatic)
    intent = intent_of(books, invoice)
    verdict = _verdict(books, invoice, method, off_session, authenticated)
    books.save(method)
    if verdict.result == "action":
        return outcomes.needs_customer(books, invoice, before, intent, method, automatic=automatic)
    charge = intents.new_charge(
        books, intent=intent, method=method, amount=intent["amount"], automatic=automatic
    )
    if verdict.result == "processing":
        return outcomes.processing(books, invoice, before, intent, charge, method, verdict)
    if verdict.result == "paid":
        return outcomes.paid(
            books, invoice, before, intent, charge, method, authenticated=authenticated
        )
    decline = outcomes.decline_of(verdict)
    return outcomes.declined(
        books, invoice, before, intent, charge, method, decline, verdict.reason, automatic=automatic
    )


def intent_of(books: Books, invoice: Obj) -> Obj:
    """Return the invoice's current payment intent for what remains; a spent one is replaced."""
    intent = books.find("payment_intent", invoice["_payment_intent"])
    if intent is not None and intent["status"] not in ("succeeded", "canceled"):
        payment = outcomes.default_payment(books, invoice)
        payment["amount_requested"] = intent["amount"] = invoice["amount_remaining"]
        books.save(payment)
        return books.save(intent)
    method = method_for(books, invoice)
    intent = intents.new_intent(
        books,
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        invoice=invoice["id"],
        method_types=[method["type"] if method else "card"],
        description="Payment for Invoice",
    )
    for payment in books.where("invoice_payment", "invoice", invoice["id"]):
        payment["is_default"] = False
        books.save(payment)
    intents.new_invoice_payment(
        books,
        invoice=invoice,
        intent=intent,
        amount=invoice["amount_remaining"],
        is_default=True,
    )
    invoice["_payment_intent"] = intent["id"]
    books.save(invoice)
    return intent


def _verdict(
    books: Books, invoice: Obj, method: Obj, off_session: bool, authenticated: bool
) -> cards.Verdict:
    verdict = cards.judge_charge(
        method, now=books.now, off_session=off_session, authenticated=authenticated
    )
    if method["type"] in BANK_DEBITS and verdict.result != "processing":
        return cards.Verdict("processing", verdict.reason, 4 * DAY)
    if is_indian(method) and off_session and not authenticated:
        if invoice["currency"] == "inr" and invoice["amount_remaining"] > INDIA_LIMIT:
            return cards.Verdict("action")
        if verdict.result in ("paid", "declined"):
            return replace(verdict, result="processing", settles_in=INDIA_WAIT)
    return verdict
