"""What may be made to happen to one customer, by name, and taken back where that makes sense.

The card that is charged next is meant: a subscription's own, else the customer's default. What
it was like before stands on it as a note, so that a restart forgets nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox import cards
from sandbox.books import Books
from sandbox.core import Sandbox
from sandbox.errors import ApiError
from sandbox.server.actions import ActionRefused
from sandbox.types import Obj, copy_json

NOTE = "_before_story"
ENDED = ("canceled", "incomplete_expired")


def play(sandbox: Sandbox, customer_id: str, story: str = "") -> Obj:
    """Play a story, or none, and say how the customer stands.

    Raises:
        ActionRefused: it makes no sense now; nothing was done.
    """
    if story and story not in _STORIES:
        raise ActionRefused(f"no story {story!r}; there are {', '.join(sorted(_STORIES))}")
    with sandbox.lock:
        books = sandbox.books()
        try:
            customer = books.get("customer", customer_id)
            if story:
                _STORIES[story](sandbox, books, customer)
        except ApiError as error:
            raise ActionRefused(error.message) from error
        return _standing(books, customer)


def _standing(books: Books, customer: Obj) -> Obj:
    method = _method(books, customer)
    open_invoice = _open_invoice(books, customer)
    intent = open_invoice and books.find("payment_intent", open_invoice["_payment_intent"])
    details = method[method["type"]] if method else {}
    note = (method or {}).get(NOTE) or {}
    return {
        "customer": customer["id"],
        "name": customer["name"],
        "story": note.get("story", ""),
        "type": method["type"] if method else "",
        "brand": details.get("brand", ""),
        "last4": details.get("last4", ""),
        "asks_for_customer": bool(intent and intent["status"] == "requires_action"),
        "next_charge_at": _next_charge(books, customer),
    }


def _method(books: Books, customer: Obj) -> Obj | None:
    for subscription in _running(books, customer):
        own = books.find("payment_method", subscription["default_payment_method"])
        if own is not None:
            return own
    return books.find("payment_method", customer["invoice_settings"]["default_payment_method"])


def _card(books: Books, customer: Obj) -> Obj:
    method = _method(books, customer)
    if method is None or method["type"] != "card":
        raise ActionRefused(f"{customer['name']} pays by no card.")
    return method


def _running(books: Books, customer: Obj) -> list[Obj]:
    return [
        row
        for row in books.where("subscription", "customer", customer["id"])
        if row["status"] not in ENDED
    ]


def _open_invoice(books: Books, customer: Obj) -> Obj | None:
    invoices = books.where("invoice", "customer", customer["id"])
    return next((row for row in reversed(invoices) if row["status"] == "open"), None)


def _next_charge(books: Books, customer: Obj) -> int | None:
    """When Stripe charges by itself next: a draft's time, else the next period's."""
    drafts = [
        row["automatically_finalizes_at"]
        for row in books.where("invoice", "customer", customer["id"])
        if row["status"] == "draft" and row["automatically_finalizes_at"]
    ]
    periods = [
        row["items"]["data"][0]["current_period_end"] + 3_600
        for row in _running(books, customer)
        if row["status"] in ("active", "trialing", "past_due")
    ]
    return min([*drafts, *periods], default=None)


# The stories


def _begin(books: Books, method: Obj, story: str) -> None:
    if not method.get(NOTE):
        method[NOTE] = {
            "behaviour": copy_json(method["_behaviour"]),
            "card": copy_json(method["card"]),
        }
    method[NOTE]["story"] = story
    method["_behaviour"] = []
    method["card"] = copy_json(method[NOTE]["card"])
    books.save(method)


def _expire(_: Sandbox, books: Books, customer: Obj) -> None:
    """Let the date on the card pass; Stripe tells nobody until it is charged."""
    method = _card(books, customer)
    _begin(books, method, "expire")
    today = datetime.fromtimestamp(books.now, UTC)
    last_month = today.replace(day=1) - timedelta(days=1)
    method["card"] |= {"exp_month": last_month.month, "exp_year": last_month.year}
    books.save(method)


def _behave(story: str, behaviour: cards.Behaviour) -> Callable[[Sandbox, Books, Obj], None]:
    def begin(_: Sandbox, books: Books, customer: Obj) -> None:
        method = _card(books, customer)
        _begin(books, method, story)
        method["_behaviour"] = copy_json(behaviour)
        books.save(method)

    return begin


def _bank_update(sandbox: Sandbox, books: Books, customer: Obj) -> None:
    method = _card(books, customer)
    method.pop(NOTE, None)
    sandbox.update_by_network(method)


def _new_card(sandbox: Sandbox, books: Books, customer: Obj) -> None:
    own = any(row["default_payment_method"] for row in _running(books, customer))
    sandbox.replace_card(customer, where="subscription" if own else "customer")


def _confirm(sandbox: Sandbox, books: Books, customer: Obj) -> None:
    invoice = _open_invoice(books, customer)
    if invoice is None:
        raise ActionRefused(f"Nothing of {customer['name']} is open.")
    try:
        sandbox.complete_authentication(invoice)
    except LookupError as error:
        raise ActionRefused(str(error)) from error


def _undo(_: Sandbox, books: Books, customer: Obj) -> None:
    method = _card(books, customer)
    note = method.pop(NOTE, None)
    if note is None:
        raise ActionRefused("There is nothing to undo.")
    method["_behaviour"], method["card"] = note["behaviour"], note["card"]
    books.save(method)


_STORIES: dict[str, Callable[[Sandbox, Books, Obj], None]] = {
    "bank_update": _bank_update,
    "confirm": _confirm,
    "expire": _expire,
    "needs_3ds": _behave("needs_3ds", cards.needs_authentication()),
    "new_card": _new_card,
    "refuse": _behave("refuse", cards.declines("insufficient_funds")),
    "undo": _undo,
}
