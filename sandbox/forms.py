"""Stripe's form encoding: nested parameters as `items[0][price]=price_1`."""

import re
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

from sandbox.errors import invalid
from sandbox.types import Params

_PARTS = re.compile(r"\[([^\]]*)\]")


def parse(encoded: str) -> Params:
    """Turn a query string or form body into nested dicts and lists.

    Raises:
        ApiError: 400 if two keys disagree about the shape of a value.
    """
    nested: Params = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        head, *_ = key.split("[", 1)
        path = [head, *_PARTS.findall(key[len(head) :])]
        _put(nested, path, value, key)
    return {name: _lists(value) for name, value in nested.items()}


def _put(target: Params, path: list[str], value: str, key: str) -> None:
    for part, following in pairwise(path):
        name = part or str(len(target))
        # `a[][b]=1&a[][c]=2` fills one element until a name comes twice.
        if part == "" and target:
            last = target[str(len(target) - 1)]
            if isinstance(last, dict) and following not in last:
                name = str(len(target) - 1)
        child = target.setdefault(name, {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid {key}", param=key)
        target = child
    target[path[-1] or str(len(target))] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    filled = {name: _lists(item) for name, item in value.items()}
    if filled and all(name.isdecimal() for name in filled):
        return [filled[name] for name in sorted(filled, key=int)]
    return filled


def as_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "True", "1"):
        return True
    if value in ("false", "False", "0"):
        return False
    raise invalid(f"Invalid boolean: {value}")


def as_int(value: Any, *, param: str | None = None) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"Invalid integer: {value}", param=param) from None


def as_list(value: Any) -> list[Any]:
    """Return a list parameter; Stripe also takes a single value, and "" for an empty list."""
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
