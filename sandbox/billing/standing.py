"""What an invoice's fate does to its subscription and its customer."""

from sandbox.books import Books, snapshot
from sandbox.types import Obj


def payment_failed(books: Books, invoice: Obj) -> None:
    """Make the subscription past due; a first purchase stays incomplete."""
    subscription = books.find("subscription", invoice["_subscription"])
    if subscription is not None and subscription["status"] in ("active", "trialing"):
        set_status(books, subscription, "past_due")
    _set_delinquent(books, invoice["customer"])


def payment_processing(books: Books, invoice: Obj) -> None:
    """Start a first purchase by bank debit at once; an open dunning goes on until the result."""
    subscription = books.find("subscription", invoice["_subscription"])
    if subscription is not None and subscription["status"] == "incomplete":
        _activate(books, subscription)


def invoice_closed(books: Books, invoice: Obj, *, paid: bool) -> None:
    """Past due ends with the *latest* invoice only; older open invoices remain open."""
    subscription = books.find("subscription", invoice["_subscription"])
    if (
        paid
        and subscription is not None
        and subscription["latest_invoice"] == invoice["id"]
        and subscription["status"] in ("past_due", "unpaid", "incomplete")
    ):
        _activate(books, subscription)
    _set_delinquent(books, invoice["customer"])


def set_status(books: Books, subscription: Obj, status: str) -> None:
    before = snapshot(subscription)
    subscription["status"] = status
    books.save(subscription)
    books.emit("customer.subscription.updated", subscription, before)


def _activate(books: Books, subscription: Obj) -> None:
    books.at(None, "subscription.expire", subscription["id"])
    set_status(books, subscription, "active")


def _set_delinquent(books: Books, customer_id: str) -> None:
    customer = books.find("customer", customer_id)
    if customer is None:
        return
    delinquent = any(
        invoice["status"] == "open" and invoice["attempted"]
        for invoice in books.where("invoice", "customer", customer_id)
    )
    if customer["delinquent"] == delinquent:
        return
    before = snapshot(customer)
    customer["delinquent"] = delinquent
    books.save(customer)
    books.emit("customer.updated", customer, before)
