"""Webhook deliveries: signed as Stripe signs, at least once, in no promised order.

Source: https://docs.stripe.com/webhooks
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from sandbox import events, ids
from sandbox.types import Obj

if TYPE_CHECKING:
    from sandbox.books import Books
    from sandbox.core import Sandbox

# Seconds from one failed delivery to the next: growing gaps over three days.
GAPS = (60, 300, 1_800, 7_200, 18_000, 36_000, 43_200, 43_200, 43_200, 43_200)

# `send(url, body, headers)` answers the receiver's HTTP status; an exception counts as failure.
Send = Callable[[str, bytes, dict[str, str]], int]

Trouble = Literal[
    "duplicate", "shuffle", "delay", "drop_then_redeliver", "drop_for_ever", "sign_wrongly"
]


def signature(body: bytes, secrets: Iterable[str], *, timestamp: int) -> str:
    """Compute the Stripe-Signature header; with several secrets any of its signatures may match."""
    payload = str(timestamp).encode() + b"." + body
    signatures = [
        "v1=" + hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest() for secret in secrets
    ]
    return ",".join([f"t={timestamp}", *signatures])


def queue(books: "Books", event: Obj) -> None:
    """Plan one delivery per endpoint that listens to this event."""
    store = books.sandbox.store
    for owner, endpoint in _listeners(books, event["type"]):
        store.put(
            owner,
            "delivery",
            f"{event['id']}:{endpoint['id']}",
            {
                "id": f"{event['id']}:{endpoint['id']}",
                "event": event["id"],
                "account": books.account,
                "endpoint": endpoint["id"],
                "tries": 0,
                "next_at": books.now,
            },
        )


def _listeners(books: "Books", type: str) -> list[tuple[str, Obj]]:
    store, account = books.sandbox.store, books.account
    platform = books.sandbox.account
    candidates = [
        (account, item) for item in store.all(account, "webhook_endpoint") if not item["_connect"]
    ]
    if books.settings["connected"]:
        candidates += [
            (platform, item) for item in store.all(platform, "webhook_endpoint") if item["_connect"]
        ]
    return [
        (owner, endpoint)
        for owner, endpoint in candidates
        if endpoint["status"] == "enabled"
        and any(name in ("*", type) for name in endpoint["enabled_events"])
        and events.visible_in(type, version_of(books.sandbox, owner, endpoint))
    ]


def version_of(sandbox: "Sandbox", owner: str, endpoint: Obj) -> str:
    """Return the API version an endpoint's events are rendered in: its own, else the account's."""
    version: str = endpoint["api_version"] or sandbox.settings_of(owner)["api_version"]
    return version


def pending(sandbox: "Sandbox", account: str, event_id: str) -> int:
    """How many deliveries of an event have not been answered with 2xx yet."""
    owners = {account, sandbox.account}
    return sum(
        sandbox.store.get(owner, "delivery", f"{event_id}:{endpoint['id']}") is not None
        for owner in owners
        for endpoint in sandbox.store.all(owner, "webhook_endpoint")
    )


@dataclass(slots=True)
class _Switch:
    trouble: Trouble
    types: str
    times: int | None
    seconds: int = 0

    def takes(self, type: str) -> bool:
        if self.times == 0 or not fnmatchcase(type, self.types):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class _Letter:
    """One delivery, ready to be sent."""

    owner: str
    id: str
    url: str
    type: str
    event: str
    body: bytes
    secrets: list[str] = field(default_factory=list)


class Deliverer:
    """Sends what is due, again and again until it is answered with 2xx or three days are over.

    The network between is as bad as its switches say; without any it is perfect.
    """

    def __init__(self, sandbox: "Sandbox", send: Send) -> None:
        self.sandbox = sandbox
        self.send = send
        self.sent = 0
        self._switches: list[_Switch] = []

    def switch(
        self, trouble: Trouble, *, types: str = "*", times: int | None = None, seconds: int = 0
    ) -> None:
        """Turn a trouble on for event types like `types` (shell pattern), for ever or n times.

        `seconds` is how long `delay` and `drop_then_redeliver` hold a delivery back.
        """
        self._switches.append(_Switch(trouble, types, times, seconds))

    def switch_off(self) -> None:
        """Make the network perfect again."""
        self._switches.clear()

    def next_at(self) -> int | None:
        """When the next delivery is due, in seconds since 1970."""
        with self.sandbox.lock:
            return min((row["next_at"] for _, row in self._waiting()), default=None)

    def deliver_due(self) -> int:
        """Send everything due now and return how many letters went out."""
        count = 0
        for letter in self._due():
            delay = self._held_back(letter)
            if delay is None:
                self._give_up(letter)
            elif delay > 0:
                self._postpone(letter, delay)
            else:
                copies = 2 if self._has("duplicate", letter.type) else 1
                for _ in range(copies):
                    self._record(letter, self._try(letter))
                    count += 1
        self.sent += count
        return count

    def drain(self, *, limit: int = 1_000) -> int:
        """Deliver until nothing is due, also what the receiver causes by its own calls."""
        total = 0
        for _ in range(limit):
            count = self.deliver_due()
            total += count
            if not count:
                return total
        raise RuntimeError("deliveries never end: does the receiver cause the events it is sent?")

    def _waiting(self) -> list[tuple[str, Obj]]:
        store = self.sandbox.store
        return [(owner, row) for owner in store.accounts() for row in store.all(owner, "delivery")]

    def _due(self) -> list[_Letter]:
        with self.sandbox.lock:
            self.sandbox.tick()
            now = int(self.sandbox.now().timestamp())
            letters = [
                letter
                for owner, row in self._waiting()
                if row["next_at"] <= now and (letter := self._letter(owner, row)) is not None
            ]
        if any(self._has("shuffle", letter.type) for letter in letters):
            letters.sort(key=lambda letter: ids.letters("shuffle", letter.id, self.sent))
        return letters

    def _letter(self, owner: str, row: Obj) -> _Letter | None:
        store = self.sandbox.store
        event = store.get(row["account"], "event", row["event"])
        endpoint = store.get(owner, "webhook_endpoint", row["endpoint"])
        if event is None or endpoint is None:
            store.delete(owner, "delivery", row["id"])
            return None
        version = version_of(self.sandbox, owner, endpoint)
        public = events.render_event(self.sandbox, row["account"], event, version)
        body = json.dumps(public, indent=2, ensure_ascii=False).encode()
        secrets = list(endpoint["_secrets"])
        return _Letter(owner, row["id"], endpoint["url"], event["type"], event["id"], body, secrets)

    def _has(self, trouble: Trouble, type: str) -> bool:
        return any(item.trouble == trouble and item.takes(type) for item in self._switches)

    def _held_back(self, letter: _Letter) -> int | None:
        """Seconds this letter is held back; None if it is lost for good."""
        down = self.sandbox.faults.down_until - int(self.sandbox.now().timestamp())
        if down > 0:
            return down
        row = self.sandbox.store.get(letter.owner, "delivery", letter.id) or {}
        if row.get("held"):
            return 0
        for item in self._switches:
            if item.trouble == "drop_for_ever" and item.takes(letter.type):
                return None
            if item.trouble in ("delay", "drop_then_redeliver") and item.takes(letter.type):
                return item.seconds or GAPS[0]
        return 0

    def _try(self, letter: _Letter) -> bool:
        secrets = letter.secrets
        if self._has("sign_wrongly", letter.type):
            secrets = ["whsec_not_the_secret"]
        # The clock itself: another thread may be carrying out what was due earlier.
        timestamp = int(self.sandbox.clock.now().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(letter.body, secrets, timestamp=timestamp),
        }
        try:
            return 200 <= self.send(letter.url, letter.body, headers) < 300
        except OSError:
            return False

    def _record(self, letter: _Letter, delivered: bool) -> None:
        with self.sandbox.lock:
            store = self.sandbox.store
            row = store.get(letter.owner, "delivery", letter.id)
            if row is None:
                return
            if delivered:
                store.delete(letter.owner, "delivery", letter.id)
                return
            gap = GAPS[row["tries"]] if row["tries"] < len(GAPS) else None
            row["tries"] += 1
            if gap is None:
                self._mark_failed(row)
                store.delete(letter.owner, "delivery", letter.id)
                return
            row["next_at"] = int(self.sandbox.now().timestamp()) + gap
            store.put(letter.owner, "delivery", letter.id, row)

    def _postpone(self, letter: _Letter, seconds: int) -> None:
        with self.sandbox.lock:
            row = self.sandbox.store.get(letter.owner, "delivery", letter.id)
            if row is not None:
                row["held"] = True
                row["next_at"] = int(self.sandbox.now().timestamp()) + seconds
                self.sandbox.store.put(letter.owner, "delivery", letter.id, row)

    def let_go(self) -> None:
        """Send at once what was held back; what its receiver refused waits as before."""
        with self.sandbox.lock:
            now = int(self.sandbox.now().timestamp())
            for owner, row in self._waiting():
                if row.get("held") and not row["tries"] and row["next_at"] > now:
                    row["next_at"] = now
                    self.sandbox.store.put(owner, "delivery", row["id"], row)

    def _give_up(self, letter: _Letter) -> None:
        with self.sandbox.lock:
            row = self.sandbox.store.get(letter.owner, "delivery", letter.id)
            if row is not None:
                self._mark_failed(row)
                self.sandbox.store.delete(letter.owner, "delivery", letter.id)

    def _mark_failed(self, row: Obj) -> None:
        event = self.sandbox.store.get(row["account"], "event", row["event"])
        if event is not None:
            event["_undeliverable"] = True
            self.sandbox.store.put(row["account"], "event", row["event"], event)
