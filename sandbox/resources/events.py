"""GET /v1/events: the last 30 days.

Source: https://docs.stripe.com/api/events
"""

from sandbox import events, webhooks
from sandbox.errors import invalid
from sandbox.forms import as_list
from sandbox.resources.common import flag
from sandbox.router import Call, page, route, within
from sandbox.types import Obj

MOST_TYPES = 20


@route("GET", "/v1/events", "EventListParams")
def list_all(call: Call) -> Obj:
    books, params = call.books, call.params
    types = as_list(params.get("types")) or as_list(params.get("type"))
    if len(types) > MOST_TYPES:
        raise invalid(f"You may only pass up to {MOST_TYPES} types.", param="types")
    found = [
        event
        for event in books.all("event")
        if (not types or any(_fits(event["type"], wanted) for wanted in types))
        and within(event["created"], params.get("created"))
        and events.visible_in(event["type"], call.version)
    ]
    if "delivery_success" in params:
        wanted = flag(params, "delivery_success")
        found = [event for event in found if _delivered(call, event) == wanted]
    listed = page(call, found)
    listed["data"] = [_rendered(call, event) for event in listed["data"]]
    return listed


def _fits(type: str, wanted: str) -> bool:
    return type == wanted or (wanted.endswith(".*") and type.startswith(wanted[:-1]))


def _delivered(call: Call, event: Obj) -> bool:
    """Whether every endpoint got it; what is still to be sent counts as not."""
    waiting = webhooks.pending(call.books.sandbox, call.books.account, event["id"])
    return not waiting and not event.get("_undeliverable")


@route("GET", "/v1/events/{id}")
def retrieve(call: Call) -> Obj:
    return _rendered(call, call.books.get("event", call.id))


def _rendered(call: Call, event: Obj) -> Obj:
    """Render an event in the version it was made in, whatever version asks."""
    books = call.books
    return events.render_event(books.sandbox, books.account, event, event["api_version"])
