"""A Stripe that answers what a test tells it to, behind the library's own HTTP seam."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import stripe


@dataclass(frozen=True)
class Account:
    stripe_account_id: str = "acct_1"
    livemode: bool = False
    is_connected: bool = False


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    params: Mapping[str, list[str]]
    headers: Mapping[str, str]


@dataclass
class Answer:
    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeStripe(stripe.HTTPClient):
    """Answers in the order given; the last answer of an address stays."""

    name = "fake"

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self._answers: dict[tuple[str, str], list[Answer | Exception]] = defaultdict(list)

    def answer(
        self,
        address: str,
        body: Mapping[str, Any],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        method, _, path = address.partition(" ")
        self._answers[method, path].append(Answer(body, status, headers or {}))

    def fail(self, address: str, error: Exception) -> None:
        method, _, path = address.partition(" ")
        self._answers[method, path].append(error)

    def paths(self) -> list[str]:
        return [f"{call.method} {call.path}" for call in self.calls]

    def request(self, method, url, headers, post_data=None, *, _usage=None):
        parts = urlsplit(url)
        sent = post_data if method == "post" else parts.query
        call = Call(method.upper(), parts.path, parse_qs(sent or ""), dict(headers or {}))
        self.calls.append(call)
        waiting = self._answers[call.method, call.path]
        if not waiting:
            missing = {"error": {"type": "invalid_request_error", "message": f"No such {url}"}}
            return json.dumps(missing).encode(), 404, {}
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer.body).encode(), answer.status, answer.headers

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0


def listed(*items: Mapping[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": list(items), "has_more": has_more, "url": "/v1/things"}
