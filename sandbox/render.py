"""Stored objects as the API shows them: one API version, expanded where asked.

Source: https://docs.stripe.com/expand
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.errors import ApiError
from sandbox.types import Obj
from sandbox.versions import is_old, to_old

if TYPE_CHECKING:
    from sandbox.books import Books

MAX_DEPTH = 4

# Which kind of object a field's id names.
EXPANDABLE = {
    "account": "account",
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "default_price": "price",
    "default_source": "payment_method",
    "dispute": "dispute",
    "invoice": "invoice",
    "invoice_item": "invoiceitem",
    "latest_charge": "charge",
    "latest_invoice": "invoice",
    "mandate": "mandate",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "pending_setup_intent": "setup_intent",
    "price": "price",
    "product": "product",
    "schedule": "subscription_schedule",
    "setup_intent": "setup_intent",
    "subscription": "subscription",
    "test_clock": "test_helpers.test_clock",
}

# Fields that are left out unless asked for, by (object, field).
Included = Callable[["Books", Obj], Any]
INCLUDABLE: dict[tuple[str, str], Included] = {}


def includable(object: str, field: str) -> Callable[[Included], Included]:
    """Register how a field that must be asked for is computed."""

    def register(compute: Included) -> Included:
        INCLUDABLE[object, field] = compute
        return compute

    return register


def render(stored: Any, version: str) -> Any:
    """Return a fresh public copy in the shape of `version`; keys beginning with "_" stay inside."""
    if isinstance(stored, dict):
        public = {
            key: render(value, version) for key, value in stored.items() if not key.startswith("_")
        }
        return to_old(stored, public) if is_old(version) and "object" in stored else public
    if isinstance(stored, list):
        return [render(item, version) for item in stored]
    return stored


def expand(books: "Books", public: Any, paths: list[str], version: str) -> None:
    """Replace ids along `paths` by the objects they name.

    Raises:
        ApiError: 400 for a path that is too deep (a list's `data` counts as a level) or that
            names nothing that can be expanded.
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise ApiError(
                400,
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}",
                code="property_expansion_max_depth",
            )
        _expand(books, public, steps, version, path)


def _expand(books: "Books", public: Any, steps: list[str], version: str, path: str) -> None:
    if isinstance(public, list):
        for item in public:
            _expand(books, item, steps, version, path)
        return
    if not steps or not isinstance(public, dict):
        return
    field, *rest = steps
    if field not in public:
        compute = INCLUDABLE.get((public.get("object", ""), field))
        if compute is None:
            raise _cannot_expand(path)
        public[field] = render(compute(books, public), version)
    value = public[field]
    if isinstance(value, str):
        kind = EXPANDABLE.get(field)
        if kind is None:
            raise _cannot_expand(path)
        found = books.find(kind, value)
        if found is not None:
            public[field] = render(found, version)
    elif value is not None and not isinstance(value, dict | list):
        raise _cannot_expand(path)
    _expand(books, public[field], rest, version, path)


def _cannot_expand(path: str) -> ApiError:
    return ApiError(
        400,
        f"This property cannot be expanded ({path}). You may want to try expanding "
        f"'data.{path}' instead.",
        param="expand",
    )
