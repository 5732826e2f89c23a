"""Which parameters the installed stripe library knows for an endpoint.

The library declares every parameter as a typed dict (`stripe.params`); what is not declared is
refused with 400, so that a caller's misspelling never goes unnoticed.
"""

import importlib
import re
from functools import cache
from typing import Any

from sandbox.errors import ApiError
from sandbox.types import Params

# A tree of names. None means that anything may stand there.
Known = dict[str, Any]

_QUOTED_CLASS = re.compile(r"\b([A-Z]\w*Params\w*)\b")


def check(params: Params, name: str | None) -> None:
    """Refuse parameters that the library does not declare in the class `name`.

    Raises:
        ApiError: 400 parameter_unknown.
    """
    known = _known(name) if name else {"expand": None}
    _check(params, known, "")


def _check(params: Any, known: Known | None, prefix: str) -> None:
    if known is None:
        return
    if isinstance(params, list):
        for index, item in enumerate(params):
            _check(item, known, f"{prefix}[{index}]")
        return
    if not isinstance(params, dict):
        return
    for key, value in params.items():
        path = f"{prefix}[{key}]" if prefix else key
        if key not in known:
            raise ApiError(
                400, f"Received unknown parameter: {path}", code="parameter_unknown", param=path
            )
        _check(value, known[key], path)


@cache
def _known(name: str) -> Known:
    module = importlib.import_module(_module_of(name))
    name = name.rpartition(".")[2]
    options = set(importlib.import_module("stripe._request_options").RequestOptions.__annotations__)
    known = _tree(getattr(module, name), module, ())
    return {key: value for key, value in known.items() if key not in options}


def _module_of(name: str) -> str:
    """Return the module that declares a parameter class: stripe.params.<package>._<snake_name>."""
    *packages, class_name = name.split(".")
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()
    return ".".join(["stripe.params", *packages, f"_{snake}"])


def _tree(cls: Any, module: Any, seen: tuple[str, ...]) -> Known:
    tree: Known = {}
    for field, annotation in cls.__annotations__.items():
        text = str(annotation)
        names = [n for n in _QUOTED_CLASS.findall(text) if hasattr(module, n) and n not in seen]
        # `Dict[str, X]` has keys of the caller's choice, such as metadata.
        if not names or "Dict[" in text:
            tree[field] = None
            continue
        merged: Known = {}
        for nested in names:
            merged.update(_tree(getattr(module, nested), module, (*seen, nested)))
        tree[field] = merged
    return tree
