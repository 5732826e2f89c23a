"""Small, forgiving steps into Stripe's JSON: whatever is absent reads as nothing, never as a crash."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from apps.dunning.money import Money
from apps.stripe_gateway.errors import UnreadableAnswer

Json = Mapping[str, Any]

NO_CURRENCY = "xxx"
"""ISO 4217's own code for "no currency": an object without one has no amount either."""


def dig(answer: object, *path: str) -> Any:
    """Follow keys into nested objects; None as soon as one is missing."""
    for key in path:
        if not isinstance(answer, Mapping):
            return None
        answer = answer.get(key)
    return answer


def text(answer: object, *path: str) -> str:
    """Read a string; "" for anything else."""
    value = dig(answer, *path)
    return value if isinstance(value, str) else ""


def whole(answer: object, *path: str) -> int:
    """Read a whole number; 0 for anything else."""
    value = dig(answer, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def whole_or_none(answer: object, *path: str) -> int | None:
    value = dig(answer, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(answer: object, *path: str) -> dt.datetime | None:
    """Read a time: seconds since 1970, or the ISO text of newer objects."""
    value = dig(answer, *path)
    if isinstance(value, str):
        try:
            at = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC)
        except (OverflowError, ValueError, OSError):
            return None
    return None


def id_of(value: object) -> str:
    """Give the id of a field that holds an id, an expanded object or nothing."""
    return value if isinstance(value, str) else text(value, "id")


def ident(answer: object, *path: str) -> str:
    """Read an id at a path, expanded or not."""
    return id_of(dig(answer, *path))


def expanded(answer: object, *path: str) -> Json | None:
    """Read an object at a path; None where Stripe sent only its id."""
    value = dig(answer, *path)
    return value if isinstance(value, Mapping) else None


def rows(answer: object, *path: str) -> Iterator[Json]:
    """Walk a list: Stripe's list object or a plain one."""
    value = dig(answer, *path)
    items = value.get("data") if isinstance(value, Mapping) else value
    for item in items if isinstance(items, list | tuple) else ():
        if isinstance(item, Mapping):
            yield item


def labels(answer: object) -> dict[str, str]:
    """Read an object's metadata: the merchant's own short texts."""
    found = expanded(answer, "metadata") or {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def currency_of(answer: object) -> str:
    code = text(answer, "currency").lower()
    return code if len(code) == 3 else NO_CURRENCY


def money(answer: object, field: str) -> Money:
    """Read an amount of the object's own currency, in its smallest unit."""
    return Money(whole(answer, field), currency_of(answer))


def own_id(answer: object, kind: str) -> str:
    """Give an object's own id.

    Raises:
        UnreadableAnswer: it is no object, or has none.
    """
    found = text(answer, "id")
    if not found:
        raise UnreadableAnswer(f"no {kind} in Stripe's answer")
    return found
