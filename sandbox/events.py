"""Events: what changed, in the words and the order Stripe tells it.

Source: https://docs.stripe.com/api/events/object
"""

from typing import TYPE_CHECKING, Any

from sandbox import webhooks
from sandbox.render import render
from sandbox.types import Obj, copy_json
from sandbox.versions import is_old

if TYPE_CHECKING:
    from sandbox.books import Books

RETENTION_DAYS = 30


def record(books: "Books", type: str, obj: Obj, before: Obj | None) -> str | None:
    """Keep an event with the object as it is now and queue its deliveries.

    An `...updated` event whose visible fields did not change is not recorded.
    """
    changed = None
    if before is not None:
        changed = {
            key: before.get(key) for key in {*before, *obj} if before.get(key) != obj.get(key)
        }
        if not any(not key.startswith("_") for key in changed):
            return None
    settings = books.settings
    event: Obj = {
        "id": books.new_id("event"),
        "object": "event",
        "api_version": settings["api_version"],
        "created": books.now,
        "livemode": books.livemode,
        "type": type,
        "request": {"id": books.request_id, "idempotency_key": books.idempotency_key},
        "_snapshot": copy_json(obj),
        "_before": copy_json(changed),
    }
    if settings["connected"]:
        event["account"] = books.account
    books.save(event)
    _forget_old(books)
    webhooks.queue(books, event)
    return str(event["id"])


def _forget_old(books: "Books") -> None:
    """Events can be retrieved for 30 days."""
    store, oldest = books.sandbox.store, books.now - RETENTION_DAYS * 86_400
    while (first := store.first(books.account, "event")) and first["created"] < oldest:
        books.delete(first)


def render_event(sandbox: Any, account: str, event: Obj, version: str) -> Obj:
    """Render the event as an endpoint of this API version, or the events API, shows it."""
    data: Obj = {"object": render(event["_snapshot"], version)}
    if event["_before"] is not None:
        former = render({**event["_snapshot"], **event["_before"]}, version)
        data["previous_attributes"] = _former_values(former, data["object"])
    public = {key: copy_json(value) for key, value in event.items() if not key.startswith("_")}
    public["api_version"] = version
    public["data"] = data
    public["pending_webhooks"] = webhooks.pending(sandbox, account, event["id"])
    return public


def visible_in(type: str, version: str) -> bool:
    """Whether this API version knows the event type at all."""
    return not (is_old(version) and type.startswith("invoice_payment."))


def _former_values(former: Obj, latter: Obj) -> Obj:
    """Only what differs, nested objects cut down to the differing keys as Stripe does."""
    difference: Obj = {}
    for key in former:
        old, new = former[key], latter.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and "object" not in old:
            difference[key] = _former_values(old, new)
        else:
            difference[key] = old
    difference.update({key: None for key in latter if key not in former})
    return difference
