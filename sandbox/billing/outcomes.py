"""What comes of one try to collect an invoice, with everything that follows from it."""

from dataclasses import dataclass, replace
from typing import Literal

from sandbox import cards
from sandbox.billing import intents, retries, standing
from sandbox.books import DAY, HOUR, Books, snapshot
from sandbox.declines import Decline, debit_failure, decline_for
from sandbox.types import Obj


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of one try. `error` is the body of the 402, if one is due."""

    result: Literal["paid", "declined", "action", "processing", "no_method"]
    error: Obj | None = None


def decline_of(verdict: cards.Verdict) -> Decline:
    decline = decline_for(verdict.reason or "generic_decline")
    changes = {
        name: getattr(verdict, name)
        for name in ("network_advice_code", "network_decline_code", "advice_code")
        if getattr(verdict, name) is not None
    }
    return replace(decline, **changes)


def no_method(books: Books, invoice: Obj, before: Obj, *, automatic: bool) -> Collected:
    if automatic:
        retries.plan_next(books, invoice)
    books.save(invoice)
    books.emit("invoice.payment_failed", invoice)
    books.emit("invoice.updated", invoice, before)
    standing.payment_failed(books, invoice)
    if automatic:
        retries.finish_if_exhausted(books, invoice)
    return Collected("no_method")


def needs_customer(
    books: Books, invoice: Obj, before: Obj, intent: Obj, method: Obj, *, automatic: bool
) -> Collected:
    intent["status"] = "requires_action"
    intent["payment_method"] = method["id"]
    intent["next_action"] = {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect"},
    }
    books.save(intent)
    retries.block(books, invoice, method)
    if automatic:
        retries.plan_next(books, invoice)
    books.save(invoice)
    books.emit("payment_intent.requires_action", intent)
    books.emit("invoice.payment_action_required", invoice)
    if books.settings["action_required_also_fails"]:
        books.emit("invoice.payment_failed", invoice)
    books.emit("invoice.updated", invoice, before)
    standing.payment_failed(books, invoice)
    if automatic:
        retries.finish_if_exhausted(books, invoice)
    return Collected("action")


def processing(
    books: Books,
    invoice: Obj,
    before: Obj,
    intent: Obj,
    charge: Obj,
    method: Obj,
    verdict: cards.Verdict,
) -> Collected:
    is_card = method["type"] == "card"
    intent["status"] = "processing"
    intent["payment_method"] = method["id"]
    if is_card:
        intent["processing"] = {
            "card": {"customer_notification": {"approval_requested": False, "completes_at": None}},
            "type": "card",
        }
    else:
        # A debit's charge exists from the start; an Indian card is charged after the wait.
        books.save(charge)
        intent["latest_charge"] = charge["id"]
    intent["_settles"] = {
        "reason": verdict.reason,
        "charge": charge,
        "method": method["id"],
    }
    books.save(intent)
    books.at(books.now + verdict.settles_in, "intent.settle", intent["id"])
    # Stripe plans nothing while the bank has not answered.
    invoice["next_payment_attempt"] = None
    books.at(None, "invoice.retry", invoice["id"])
    books.save(invoice)
    if not is_card:
        books.emit("charge.pending", charge)
    books.emit("payment_intent.processing", intent)
    books.emit("invoice.updated", invoice, before)
    standing.payment_processing(books, invoice)
    return Collected("processing")


def settle(books: Books, intent: Obj) -> None:
    """Carry out the bank's answer to a processing payment."""
    waiting = intent.pop("_settles", None)
    if waiting is None or intent["status"] != "processing":
        return
    charge, reason = waiting["charge"], waiting["reason"]
    method = books.get("payment_method", waiting["method"])
    intent["processing"] = None
    invoice = books.find("invoice", intent["_invoice"])
    if invoice is None:
        return
    before = snapshot(invoice)
    if reason is None:
        paid(books, invoice, before, intent, charge, method, authenticated=False)
        return
    decline = decline_for(reason) if method["type"] == "card" else debit_failure(reason)
    declined(
        books,
        invoice,
        before,
        intent,
        charge,
        method,
        decline,
        reason,
        automatic=charge["_automatic"],
    )


def paid(
    books: Books,
    invoice: Obj,
    before: Obj,
    intent: Obj,
    charge: Obj,
    method: Obj,
    *,
    authenticated: bool,
) -> Collected:
    books.sandbox.judge.on_collected(books, invoice, charge)
    intents.settle_charge(books, charge)
    books.save(charge)
    if authenticated:
        method["_authenticated"] = True
        books.save(method)
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        payment_method=method["id"],
        last_payment_error=None,
        next_action=None,
    )
    books.save(intent)
    invoice["_charge"] = charge["id"]
    payment = default_payment(books, invoice)
    payment.update(status="paid", amount_paid=charge["amount"])
    payment["status_transitions"]["paid_at"] = books.now
    books.save(payment)
    invoice["amount_paid"] += charge["amount"]
    invoice["amount_remaining"] = max(0, invoice["amount_due"] - invoice["amount_paid"])
    paid_in_full = invoice["amount_remaining"] == 0
    if paid_in_full:
        mark_paid(books, invoice)
    books.save(invoice)
    books.emit("charge.succeeded", charge)
    books.emit("payment_intent.succeeded", intent)
    books.emit("invoice.updated", invoice, before)
    if paid_in_full:
        books.emit("invoice.paid", invoice)
        books.emit("invoice.payment_succeeded", invoice)
    books.emit("invoice_payment.paid", payment)
    if paid_in_full:
        standing.invoice_closed(books, invoice, paid=True)
    _after_payment(books, charge, method)
    return Collected("paid")


def _after_payment(books: Books, charge: Obj, method: Obj) -> None:
    if any(rule["do"] == "dispute" for rule in method["_behaviour"]):
        books.at(books.now + HOUR, "charge.dispute", charge["id"])


def default_payment(books: Books, invoice: Obj) -> Obj:
    payments = books.where("invoice_payment", "invoice", invoice["id"])
    return next((item for item in payments if item["is_default"]), payments[-1])


def mark_paid(books: Books, invoice: Obj) -> None:
    """Close the invoice as paid; nothing more is planned for it."""
    invoice["status"] = "paid"
    invoice["status_transitions"]["paid_at"] = books.now
    invoice["next_payment_attempt"] = None
    invoice["auto_advance"] = False
    invoice["_closed_at"] = books.now
    books.at(None, "invoice.retry", invoice["id"])


def declined(
    books: Books,
    invoice: Obj,
    before: Obj,
    intent: Obj,
    charge: Obj,
    method: Obj,
    decline: Decline,
    reason: str | None,
    *,
    automatic: bool,
) -> Collected:
    shown = reason if decline.blocked else None
    intents.fail_charge(charge, decline, shown_reason=shown)
    charge["_reason"] = reason
    books.save(charge)
    error = intents.error_body(books, decline=decline, charge=charge, method=method)
    intent.update(
        status="requires_payment_method",
        latest_charge=charge["id"],
        payment_method=None,
        last_payment_error=dict(error),
        next_action=None,
    )
    books.save(intent)
    invoice["_charge"] = charge["id"]
    retries.note_decline(books, invoice, method, reason or decline.code)
    if automatic:
        retries.plan_next(books, invoice)
    books.save(invoice)
    books.emit("charge.failed", charge)
    books.emit("payment_intent.payment_failed", intent)
    books.emit("invoice.payment_failed", invoice)
    books.emit("invoice.updated", invoice, before)
    standing.payment_failed(books, invoice)
    if automatic:
        retries.finish_if_exhausted(books, invoice)
    _plan_network_update(books, method)
    return Collected("declined", error)


def _plan_network_update(books: Books, method: Obj) -> None:
    """Card networks send new data some time after an expired card was refused."""
    for rule in method["_behaviour"]:
        if rule.get("update_after") and rule.get("hits", 0) == rule["update_after"]:
            books.at(books.now + DAY, "method.update", method["id"])


def credited(books: Books, invoice: Obj) -> None:
    """Tell that a credit note left nothing to pay: paid, without a charge."""
    books.emit("invoice.paid", invoice)
    standing.invoice_closed(books, invoice, paid=True)
