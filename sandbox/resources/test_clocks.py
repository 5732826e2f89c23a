"""Test clocks. The sandbox has one clock, and advancing any test clock moves it.

Source: https://docs.stripe.com/billing/testing/test-clocks
"""

from datetime import UTC, datetime

from sandbox.books import DAY
from sandbox.errors import invalid
from sandbox.forms import as_int
from sandbox.resources.common import required
from sandbox.router import Call, page, route
from sandbox.types import Obj

KIND = "test_helpers.test_clock"


@route("POST", "/v1/test_helpers/test_clocks", "test_helpers.TestClockCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    required(params, "frozen_time")
    if as_int(params["frozen_time"], param="frozen_time") < books.now:
        raise invalid("A clock cannot stand before the sandbox's own time.", param="frozen_time")
    _move(call, as_int(params["frozen_time"]))
    clock: Obj = {
        "id": books.new_id(KIND),
        "object": KIND,
        "created": books.now,
        "deletes_after": books.now + 30 * DAY,
        "frozen_time": books.now,
        "livemode": False,
        "name": params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    return books.save(clock)


def _move(call: Call, moment: int) -> None:
    call.books.sandbox.run_until(datetime.fromtimestamp(moment, UTC))


@route("GET", "/v1/test_helpers/test_clocks/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get(KIND, call.id)


@route("GET", "/v1/test_helpers/test_clocks", "test_helpers.TestClockListParams")
def list_all(call: Call) -> Obj:
    return page(call, call.books.all(KIND))


@route("POST", "/v1/test_helpers/test_clocks/{id}/advance", "test_helpers.TestClockAdvanceParams")
def advance(call: Call) -> Obj:
    books, clock = call.books, call.books.get(KIND, call.id)
    required(call.params, "frozen_time")
    moment = as_int(call.params["frozen_time"], param="frozen_time")
    if moment <= clock["frozen_time"]:
        raise invalid("A test clock only moves forward.", param="frozen_time")
    _move(call, moment)
    clock["frozen_time"] = moment
    books.save(clock)
    books.emit("test_helpers.test_clock.ready", clock)
    return clock


@route("DELETE", "/v1/test_helpers/test_clocks/{id}")
def delete(call: Call) -> Obj:
    clock = call.books.get(KIND, call.id)
    call.books.delete(clock)
    return {"id": clock["id"], "object": KIND, "deleted": True}
