"""The web process's way to the sandbox's control interface."""

import datetime as dt
import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from django.conf import settings

_TIMEOUT_SECONDS = 15
_GLANCE_SECONDS = 2
"""How long a page waits for what it can do without."""
_DELIVERY_SECONDS = 60

PAY = "/v1/invoices/*/pay"


class SandboxAway(Exception):
    """The local Stripe does not answer."""


class StoryRefused(Exception):
    """What was asked for makes no sense now; the message says why."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand in the sandbox.

    `due_letters`: webhooks due and not answered yet; `sent_letters`: all those sent so far.
    `down_until`: the end of an outage that was asked for; None if there is none.
    `waiting_faults`: troubles that wait for a call.
    """

    now: dt.datetime
    next_at: dt.datetime | None
    due_letters: int
    sent_letters: int = 0
    down_until: dt.datetime | None = None
    waiting_faults: int = 0


@dataclass(frozen=True, slots=True)
class Player:
    """A customer as the sandbox knows them. `story` is the one under way that can be undone."""

    customer: str
    name: str
    story: str
    type: str
    brand: str
    last4: str
    asks_for_customer: bool
    next_charge_at: dt.datetime | None


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


def deliver() -> Standing:
    """Wait until every webhook that is due was answered, or refused and put off.

    Raises:
        SandboxAway: nobody answered; they go out all the same.
    """
    return _read(_call("deliver", {}, seconds=_DELIVERY_SECONDS))


def player(customer_id: str, story: str = "") -> Player:
    """Play a story with a customer, or none, and say how they stand.

    Raises:
        SandboxAway: nobody answered.
        StoryRefused: nothing was done.
    """
    found = _call("stories", {"customer": customer_id, "story": story}, seconds=_GLANCE_SECONDS)
    at = found.pop("next_charge_at")
    found["next_charge_at"] = dt.datetime.fromtimestamp(int(str(at)), dt.UTC) if at else None
    return Player(**found)  # type: ignore[arg-type]


def lose_next_answer() -> None:
    """Let the next charge we ask for be carried out and its answer get lost."""
    _call("faults", {"fault": "timeout_after", "method": "POST", "path": PAY, "times": 1})


def go_down(span: dt.timedelta) -> None:
    """Let no call arrive and no webhook leave until the sandbox's clock has moved that far."""
    _call("faults", {"down_seconds": span.total_seconds()})


def come_back() -> None:
    """End every trouble between us and Stripe."""
    _call("faults", {"clear": True})


def _call(
    name: str, given: dict[str, object] | None = None, *, seconds: float = _TIMEOUT_SECONDS
) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310 - the settings name this machine
        f"{settings.STRIPE_API_BASE}/_sandbox/{name}",
        data=None if given is None else json.dumps(given).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            found: dict[str, object] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise StoryRefused(_why(error)) from error
    except (OSError, ValueError) as error:
        raise SandboxAway(str(error)) from error
    return found


def _why(error: urllib.error.HTTPError) -> str:
    with error:
        try:
            return str(json.load(error)["error"])
        except (KeyError, TypeError, ValueError):
            return str(error)


def _read(answer: dict[str, object]) -> Standing:
    next_at = answer["next_at"]
    now = dt.datetime.fromisoformat(str(answer["now"]))
    down_until = dt.datetime.fromtimestamp(int(str(answer.get("down_until") or 0)), dt.UTC)
    return Standing(
        now=now,
        next_at=dt.datetime.fromisoformat(str(next_at)) if next_at else None,
        due_letters=int(str(answer["due_deliveries"])),
        sent_letters=int(str(answer.get("sent_deliveries") or 0)),
        down_until=down_until if down_until > now else None,
        waiting_faults=int(str(answer.get("waiting_faults") or 0)),
    )
