"""What is due: the actions Stripe carries out by itself, by name."""

from collections.abc import Callable

from sandbox import webhooks
from sandbox.billing import (
    closing,
    collection,
    disputes,
    invoices,
    method_changes,
    outcomes,
    retries,
    schedules,
    subscriptions,
)
from sandbox.books import Books, snapshot
from sandbox.types import Obj

Action = Callable[[Books, Obj], None]


def finalize_draft(books: Books, invoice: Obj) -> None:
    if invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    if _waits_for_listeners(books, invoice):
        later = books.now + invoices.DRAFT_TIME
        invoice["automatically_finalizes_at"] = later
        books.save(invoice)
        books.at(later, "invoice.finalize", invoice["id"])
        return
    subscription = books.find("subscription", invoice["_subscription"]) or {}
    pause = (subscription.get("pause_collection") or {}).get("behavior")
    if pause in ("void", "mark_uncollectible"):
        invoices.finalize(books, invoice)
        close = closing.void if pause == "void" else closing.mark_uncollectible
        close(books, invoice)
        return
    invoices.finalize_and_charge(books, invoice)


def _waits_for_listeners(books: Books, invoice: Obj) -> bool:
    """Whether somebody has not taken note of the draft yet, in accounts set to wait for that."""
    if not books.settings["waits_for_listeners"]:
        return False
    if books.now - invoice["created"] >= invoices.LONGEST_DRAFT_TIME:
        return False
    told_by = str(invoice.get("_told_by"))
    return webhooks.pending(books.sandbox, books.account, told_by) > 0


def retry(books: Books, invoice: Obj) -> None:
    """Carry out a planned try. After a hard decline it is counted, but nothing is charged."""
    if invoice["status"] != "open" or not invoice["auto_advance"]:
        return
    intent = books.find("payment_intent", invoice["_payment_intent"])
    if intent is not None and intent["status"] == "processing":
        return
    if not retries.is_blocked(books, invoice):
        collection.collect(books, invoice, automatic=True)
        return
    before = snapshot(invoice)
    invoice["attempt_count"] += 1
    retries.plan_next(books, invoice)
    books.save(invoice)
    books.emit("invoice.updated", invoice, before)
    retries.finish_if_exhausted(books, invoice)


def overdue(books: Books, invoice: Obj) -> None:
    if invoice["status"] == "open":
        books.emit("invoice.overdue", invoice)


def cancel_on_date(books: Books, subscription: Obj) -> None:
    if subscription["status"] not in ("canceled", "incomplete_expired"):
        subscriptions.end(books, subscription, reason="cancellation_requested")


def expire_session(books: Books, session: Obj) -> None:
    if session["status"] == "open":
        session.update(status="expired", url=None)
        books.save(session)
        books.emit("checkout.session.expired", session)


def dispute(books: Books, charge: Obj) -> None:
    disputes.open_dispute(books, charge, reason="fraudulent")


# Action name -> (kind of object, function).
ACTIONS: dict[str, tuple[str, Action]] = {
    "charge.dispute": ("charge", dispute),
    "intent.settle": ("payment_intent", outcomes.settle),
    "invoice.automation": ("invoice", retries.automation_decided),
    "invoice.finalize": ("invoice", finalize_draft),
    "invoice.overdue": ("invoice", overdue),
    "invoice.retry": ("invoice", retry),
    "method.update": ("payment_method", method_changes.update_by_network),
    "refund.fail": ("refund", disputes.fail_refund),
    "schedule.phase": ("subscription_schedule", schedules.end_of_phase),
    "session.expire": ("checkout.session", expire_session),
    "subscription.cancel": ("subscription", cancel_on_date),
    "subscription.expire": ("subscription", subscriptions.expire),
    "subscription.renew": ("subscription", subscriptions.renew),
}


def run(books: Books, action: str, id: str) -> None:
    """Carry out one due action, unless its object is gone."""
    kind, function = ACTIONS[action]
    obj = books.find(kind, id)
    if obj is not None:
        function(books, obj)
