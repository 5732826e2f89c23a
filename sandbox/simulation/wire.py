"""The way of a call to Stripe, with everything that can happen to it on the way."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import stripe

from sandbox import forms
from sandbox.errors import ConnectionLost
from sandbox.faults import Fault
from sandbox.transport import SandboxHTTPClient
from sandbox.types import Obj

if TYPE_CHECKING:
    from sandbox.core import Sandbox
    from sandbox.simulation.stage import Stage
    from sandbox.simulation.trouble import Trouble

MOST_MINUTES_LATE = 10


class Wire(SandboxHTTPClient):
    """Carries calls, loses some, and keeps what each idempotency key really did.

    `charges` holds by key the charge that its call made; None while it made none. `before_pay` is
    asked while the request is on its way and nothing is executed yet. `charged` names the last.
    """

    def __init__(
        self,
        sandbox: "Sandbox",
        stage: "Stage",
        trouble: "Trouble",
        *,
        before_pay: Callable[[str, str], None],
    ) -> None:
        super().__init__(sandbox)
        self.stage = stage
        self.trouble = trouble
        self.before_pay = before_pay
        self.charges: dict[str, str | None] = {}
        self.charged = ""
        self._late: list[tuple[dt.datetime, str, str, Obj, dict[str, str]]] = []
        sandbox.during_call = lambda pattern: self.stage.pause(f"{pattern} is carried out")

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        path = urlsplit(url).path
        call = f"{method.upper()} {path}"
        actor = self.stage.running
        if actor is None:
            return super().request(method, url, headers, post_data)
        self.stage.pause(f"before {call}")
        if self.stage.dies_now():
            raise self.stage.crash(f"before {call}")
        sent = dict(headers or {})
        key = sent.get("Idempotency-Key", "")
        is_pay = path.endswith("/pay")
        if is_pay:
            self.charged = path.split("/")[-2]
            self.before_pay(self.charged, key)
        fault = self.trouble.fault_of(call)
        if fault == "late":
            self._send_later(method.upper(), path, post_data, sent)
            self.stage.tell(actor.name, f"{call} is given up; it arrives later")
            raise _lost("timed out; the request is still on its way")
        if fault:
            self.sandbox.faults.add(Fault(fault), method=method.upper(), path=path)
        try:
            answer = self._carried(method, url, sent, post_data, path=path, key=key)
        except stripe.APIConnectionError as error:
            if self.sandbox.faults.down_until < self.sandbox.now().timestamp():
                self.stage.tell(actor.name, f"{call} -> no answer ({error})")
            raise
        if method.upper() == "POST":
            self.stage.tell(actor.name, f"{call} [{key[:8]}] -> {answer[1]}{_code(answer)}")
        if self.stage.dies_now():
            raise self.stage.crash(f"after {call}")
        self.stage.pause(f"after {call}")
        return answer

    def deliver_late(self) -> None:
        """Let requests arrive whose callers gave up waiting."""
        now = self.sandbox.clock.now()
        due = [one for one in self._late if one[0] <= now]
        self._late = [one for one in self._late if one[0] > now]
        for _, method, path, params, headers in due:
            with self._noting(path, headers.get("Idempotency-Key", "")):
                self.stage.tell("network", f"{method} {path} arrives at last")
                try:
                    self.sandbox.request(method, path, params, headers)
                except ConnectionLost:
                    self.stage.tell("network", "Stripe is down; it is lost")

    def next_late(self) -> dt.datetime | None:
        """Say when the next of them arrives."""
        return min((one[0] for one in self._late), default=None)

    def _carried(
        self, method: str, url: str, headers: Obj, post_data: Any, *, path: str, key: str
    ) -> tuple[str, int, Mapping[str, str]]:
        with self._noting(path, key):
            return super().request(method, url, headers, post_data)

    def _send_later(self, method: str, path: str, post_data: Any, headers: dict[str, str]) -> None:
        minutes = self.trouble.rng.uniform(0.5, MOST_MINUTES_LATE)
        at = self.sandbox.clock.now() + dt.timedelta(minutes=minutes)
        encoded = post_data.decode() if isinstance(post_data, bytes) else post_data
        self._late.append((at, method, path, forms.parse(encoded or ""), headers))

    def _noting(self, path: str, key: str) -> "_Noting":
        return _Noting(self, path, key)

    def charges_of(self, invoice_id: str) -> list[Obj]:
        """Give every charge of an invoice, whoever made it, oldest first."""
        books = self.sandbox.books()
        intents = books.where("payment_intent", "_invoice", invoice_id)
        found = [
            one for row in intents for one in books.where("charge", "payment_intent", row["id"])
        ]
        return sorted(found, key=lambda one: one["created"])

    def _sleep_time_seconds(self, num_retries: Any, response: Any = None) -> float:
        """Repeat a read at once: time here passes only when the world says so."""
        return 0.0


class _Noting:
    """Keeps which charge a pay call made, whatever its caller hears of it."""

    def __init__(self, wire: Wire, path: str, key: str) -> None:
        self.wire, self.key = wire, key
        self.invoice_id = path.split("/")[-2] if path.endswith("/pay") else ""

    def __enter__(self) -> None:
        if self.invoice_id:
            self._before = {one["id"] for one in self.wire.charges_of(self.invoice_id)}

    def __exit__(self, *_: object) -> None:
        if not self.invoice_id:
            return
        self.wire.charges.setdefault(self.key, None)
        for one in self.wire.charges_of(self.invoice_id):
            if one["id"] not in self._before and not one["_automatic"]:
                self.wire.charges[self.key] = one["id"]
        intents = self.wire.sandbox.books().where("payment_intent", "_invoice", self.invoice_id)
        for intent in intents:
            # A card's payment under way has no charge yet, but knows which it will be.
            if "_settles" in intent and self.wire.charges[self.key] is None:
                self.wire.charges[self.key] = intent["_settles"]["charge"]["id"]


def _lost(words: str) -> stripe.APIConnectionError:
    return stripe.APIConnectionError(words, should_retry=False)  # type: ignore[no-untyped-call]


def _code(answer: tuple[str, int, Mapping[str, str]]) -> str:
    if answer[1] < 400:
        return ""
    _, _, rest = answer[0].partition('"message": "')
    return " " + rest.partition('"')[0][:80]
