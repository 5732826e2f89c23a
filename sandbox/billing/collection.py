"""Collecting an invoice: one charge with everything that follows from it."""

from dataclasses import dataclass, replace
from typing import Literal

from sandbox import cards
from sandbox.billing import intents, retries, standing
from sandbox.billing.methods import BANK_DEBITS, is_indian, method_for
from sandbox.books import DAY, HOUR, Books, snapshot
from sandbox.declines import Decline, debit_failure, decline_for
from sandbox.types import Obj

# An Indian card is charged 26 hours after the customer was told; above this each payment needs
# the customer. Source: https://docs.stripe.com/india-recurring-payments
INDIA_WAIT = 26 * HOUR
INDIA_LIMIT = 15_000_00


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of one try. `error` is the body of the 402, if one is due."""

    result: Literal["paid", "declined", "action", "processing", "no_method"]
    error: Obj | None = None


def collect(
    books: Books,
    invoice: Obj,
    *,
    automatic: bool,
    method: Obj | None = None,
    off_session: bool = True,
    authenticated: bool = False,
) -> Collected:
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
        return _no_method(books, invoice, before, automatic=automatic)
    intent = intent_of(books, invoice)
    verdict = _verdict(books, invoice, method, off_session, authenticated)
    books.save(method)
    if verdict.result == "action":
        return _needs_customer(books, invoice, before, intent, method, automatic=automatic)
    charge = intents.new_charge(
        books, intent=intent, method=method, amount=intent["amount"], automatic=automatic
    )
    if verdict.result == "processing":
        return _processing(books, invoice, before, intent, charge, method, verdict)
    if verdict.result == "paid":
        return _paid(books, invoice, before, intent, charge, method, authenticated=authenticated)
    decline = _decline(verdict)
    return _declined(
        books, invoice, before, intent, charge, method, decline, verdict.reason, automatic=automatic
    )


def intent_of(books: Books, invoice: Obj) -> Obj:
    """Return the invoice's current payment intent for what remains; a spent one is replaced."""
    intent = books.find("payment_intent", invoice["_payment_intent"])
    if intent is not None and intent["status"] not in ("succeeded", "canceled"):
        intent["amount"] = invoice["amount_remaining"]
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


def _decline(verdict: cards.Verdict) -> Decline:
    decline = decline_for(verdict.reason or "generic_decline")
    changes = {
        name: getattr(verdict, name)
        for name in ("network_advice_code", "network_decline_code", "advice_code")
        if getattr(verdict, name) is not None
    }
    return replace(decline, **changes)


def _no_method(books: Books, invoice: Obj, before: Obj, *, automatic: bool) -> Collected:
    if automatic:
        retries.plan_next(books, invoice)
    books.save(invoice)
    books.emit("invoice.payment_failed", invoice)
    books.emit("invoice.updated", invoice, before)
    standing.payment_failed(books, invoice)
    if automatic:
        retries.finish_if_exhausted(books, invoice)
    return Collected("no_method")


def _needs_customer(
    books: Books, invoice: Obj, before: Obj, intent: Obj, method: Obj, *, automatic: bool
) -> Collected:
    intent["status"] = "requires_action"
    intent["payment_method"] = method["id"]
    intent["next_action"] = {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect"},
    }
    books.save(intent)
    invoice["_blocked"] = {"method": method["id"], "version": method["_version"]}
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


def _processing(
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
        _paid(books, invoice, before, intent, charge, method, authenticated=False)
        return
    decline = decline_for(reason) if method["type"] == "card" else debit_failure(reason)
    _declined(
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


def _paid(
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


def _declined(
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
    retries.note_decline(invoice, method, reason or decline.code)
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


def charge_alone(books: Books, intent: Obj, method: Obj) -> Obj:
    """Charge an intent that belongs to no invoice; return the charge."""
    verdict = cards.judge_charge(method, now=books.now, off_session=False, authenticated=True)
    charge = intents.new_charge(
        books, intent=intent, method=method, amount=intent["amount"], automatic=False
    )
    intent["latest_charge"] = charge["id"]
    if verdict.result == "declined":
        decline = _decline(verdict)
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
