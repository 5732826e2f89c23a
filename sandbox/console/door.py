"""The web process's way to the sandbox's control interface."""

import datetime as dt
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from django.conf import settings

_TIMEOUT_SECONDS = 15


class SandboxAway(Exception):
    """The local Stripe does not answer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand in the sandbox. `due_letters`: webhooks due and not answered yet."""

    now: dt.datetime
    next_at: dt.datetime | None
    due_letters: int


def standing() -> Standing:
    """Ask how things stand.

    Raises:
        SandboxAway: nobody answered.
    """
    return _read(_call(""))


def advance(by: dt.timedelta) -> Standing:
    """Move the sandbox's clock by at most an hour; returns when it has done what became due.

    Raises:
        SandboxAway: nobody answered; the clock may have been moved.
    """
    return _read(_call("advance", {"seconds": by.total_seconds()}))


def _call(name: str, given: dict[str, object] | None = None) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310 - the settings name this machine
        f"{settings.STRIPE_API_BASE}/_sandbox/{name}",
        data=None if given is None else json.dumps(given).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            found: dict[str, object] = json.load(answer)
    except (OSError, ValueError) as error:
        raise SandboxAway(str(error)) from error
    return found


def _read(answer: dict[str, object]) -> Standing:
    next_at = answer["next_at"]
    return Standing(
        now=dt.datetime.fromisoformat(str(answer["now"])),
        next_at=dt.datetime.fromisoformat(str(next_at)) if next_at else None,
        due_letters=int(str(answer["due_deliveries"])),
    )
