"""Names for the plain values the sandbox passes around."""

from dataclasses import dataclass, field
from typing import Any

# A Stripe object as plain JSON. Keys that begin with "_" are the sandbox's own notes and never
# leave it.
Obj = dict[str, Any]
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """What one API call answers: HTTP status, headers, JSON body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Obj = field(default_factory=dict)


def copy_json(value: Any) -> Any:
    """Copy plain JSON in depth, several times faster than `copy.deepcopy`."""
    if type(value) is dict:
        return {key: copy_json(item) for key, item in value.items()}
    if type(value) is list:
        return [copy_json(item) for item in value]
    return value
