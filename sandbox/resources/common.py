"""What many endpoints share."""

from collections.abc import Iterable
from typing import Any

from sandbox.errors import invalid
from sandbox.forms import as_bool, as_int
from sandbox.types import Obj, Params


def required(params: Params, *names: str) -> None:
    """Refuse a call that lacks one of these parameters."""
    for name in names:
        if params.get(name) in (None, ""):
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")


def merge_metadata(obj: Obj, params: Params) -> None:
    """Set given keys; an empty value takes a key away, an empty string all of them."""
    given = params.get("metadata")
    if given is None:
        return
    if given == "":
        obj["metadata"] = {}
        return
    merged = {**obj["metadata"], **{key: str(value) for key, value in given.items()}}
    obj["metadata"] = {key: value for key, value in merged.items() if value != ""}


def metadata_of(params: Params) -> Obj:
    return {key: str(value) for key, value in (params.get("metadata") or {}).items()}


def copy_given(obj: Obj, params: Params, names: Iterable[str]) -> None:
    """Copy text parameters that were given; an empty string clears a field."""
    for name in names:
        if name in params:
            obj[name] = None if params[name] == "" else params[name]


def flag(params: Params, name: str, default: bool = False) -> bool:
    value = params.get(name)
    return default if value is None else as_bool(value)


def number(params: Params, name: str, default: int | None = None) -> int | None:
    value = params.get(name)
    return default if value is None or value == "" else as_int(value, param=name)


def amount(value: Any, currency: str, *, param: str = "amount") -> int:
    """Return an amount in minor units, with the rounding some currencies ask for.

    Source: https://docs.stripe.com/currencies
    """
    minor = as_int(value, param=param)
    step = {"bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10, "isk": 100, "ugx": 100}.get(
        currency, 1
    )
    if minor % step:
        raise invalid(f"Invalid amount for {currency}: must be a multiple of {step}.", param=param)
    return minor


def currency_of(params: Params) -> str:
    required(params, "currency")
    currency = str(params["currency"]).lower()
    if len(currency) != 3 or not currency.isalpha():
        raise invalid(f"Invalid currency: {currency}", param="currency")
    return currency
