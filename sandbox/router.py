"""Which function answers which call."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.errors import ApiError, invalid
from sandbox.forms import as_int
from sandbox.types import Obj, Params

if TYPE_CHECKING:
    from sandbox.books import Books


@dataclass(frozen=True, slots=True)
class Call:
    """One API call on its way through a resource function."""

    books: "Books"
    params: Params
    ids: dict[str, str]
    url: str
    version: str
    # The API names the account of the key itself; `books` are those of Stripe-Account.
    key_account: str

    @property
    def id(self) -> str:
        return self.ids["id"]


Handler = Callable[[Call], Obj]


@dataclass(frozen=True, slots=True)
class Route:
    """`pattern` names the endpoint for rate limits, faults and counting."""

    method: str
    pattern: str
    regex: re.Pattern[str]
    handler: Handler
    params: str | None

    @property
    def resource(self) -> str:
        """What a restricted key needs permission for: the first word of the path."""
        return self.pattern.split("/")[2]


ROUTES: list[Route] = []


def route(method: str, pattern: str, params: str | None = None) -> Callable[[Handler], Handler]:
    """Register a function for a method and path; `params` names the library's parameter list.

    Without `params` the endpoint takes none but `expand`.
    """
    regex = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern) + "$")

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, regex, handler, params))
        return handler

    return register


def resolve(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """Find the route for a call.

    Raises:
        ApiError: 404, as for any address Stripe does not have.
    """
    for candidate in ROUTES:
        if candidate.method != method:
            continue
        match = candidate.regex.match(path)
        if match:
            return candidate, match.groupdict()
    raise ApiError(404, f"Unrecognized request URL ({method}: {path}).")


def page(call: Call, newest_last: list[Obj], *, key: str = "id") -> Obj:
    """Cut one page out of a list, newest first.

    Source: https://docs.stripe.com/api/pagination
    """
    limit = as_int(call.params.get("limit", 10), param="limit")
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100 (inclusive).", param="limit")
    items = newest_last[::-1]
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise invalid("You may only use one of starting_after and ending_before.")
    if after:
        items = items[_position(items, after, key, "starting_after") + 1 :]
        more = len(items) > limit
        items = items[:limit]
    elif before:
        items = items[: _position(items, before, key, "ending_before")]
        more = len(items) > limit
        items = items[-limit:]
    else:
        more = len(items) > limit
        items = items[:limit]
    return {"object": "list", "data": items, "has_more": more, "url": call.url}


def _position(items: list[Obj], id: str, key: str, param: str) -> int:
    for index, item in enumerate(items):
        if item[key] == id:
            return index
    raise invalid(f"No such object: '{id}'", param=param, code="resource_missing")


def within(moment: int | None, wanted: Any) -> bool:
    """Whether a time fits a filter such as `created[gte]=...`."""
    if wanted is None:
        return True
    if moment is None:
        return False
    if not isinstance(wanted, dict):
        return moment == as_int(wanted)
    tests: dict[str, Callable[[int, int], bool]] = {
        "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b,
        "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b,
    }
    return all(tests[name](moment, as_int(value)) for name, value in wanted.items())


def matches(obj: Obj, params: Params, *fields: str) -> bool:
    """Whether the object has the wanted value in each of `fields` that the caller filters by."""
    return all(str(obj.get(field)) == str(params[field]) for field in fields if params.get(field))
