"""How bytes reach Stripe: timeouts, the seam for tests, and the stand-in for dj-stripe's calls."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import stripe
from django.conf import settings

CONNECT_SECONDS = 5
READ_SECONDS = 30

Answer = tuple[Any, int, Mapping[str, str]]


class StripeAccount(Protocol):
    """Whose account a call is about: the platform's own, or one connected to it."""

    @property
    def stripe_account_id(self) -> str: ...
    @property
    def livemode(self) -> bool: ...
    @property
    def is_connected(self) -> bool: ...


_real = stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS))
_override: stripe.HTTPClient | None = None


def http_client() -> stripe.HTTPClient:
    """Give the client that carries requests: Stripe's over the network, or the one put in."""
    return _override or _real


@contextmanager
def use_http_client(client: stripe.HTTPClient) -> Iterator[None]:
    """Send every request of this process through `client`, dj-stripe's included.

    For tests and the in-process sandbox: a subclass of `stripe.HTTPClient` with `request`.
    """
    global _override
    before, _override = _override, client
    try:
        yield
    finally:
        _override = before


SECRETS = frozenset({"client_secret", "confirmation_secret", "secret"})
"""With these a reader could act for a customer."""

NOT_FOLLOWED = frozenset({"balance_transaction", "failure_balance_transaction"})
"""dj-stripe would ask for each, one call per charge and refund; nothing of ours reads them."""


def for_mirror(answer: Any) -> Any:
    """Copy an answer as it may be stored: without secrets, and without links not worth a call."""
    if isinstance(answer, Mapping):
        return {
            key: None if key in NOT_FOLLOWED else for_mirror(value)
            for key, value in answer.items()
            if key not in SECRETS
        }
    if isinstance(answer, list):
        return [for_mirror(item) for item in answer]
    return answer


class UnknownStandIn(Exception):
    """A call of dj-stripe's with a key that is none of our stand-ins; nothing was sent."""


class StandInClient(stripe.HTTPClient):
    """Carries dj-stripe's own requests, so that it never sees a real key.

    dj-stripe works with one stand-in key per account, which it stores. This client knows whose it
    is, puts on the real key and the account header, answers `GET /v1/account` itself (a restricted
    key could not ask; on Connect the platform would answer), and takes client secrets out of
    everything that comes back. Any other key is refused before anything is sent.
    """

    name = "stand-in"

    def __init__(self) -> None:
        super().__init__()
        self._accounts: dict[str, StripeAccount] = {}
        self._lock = threading.Lock()

    def key_for(self, account: StripeAccount) -> str:
        """Give the stand-in key of an account; the same one for ever, and no secret."""
        mode = "live" if account.livemode else "test"
        digest = hashlib.sha256(account.stripe_account_id.encode()).hexdigest()
        key = f"sk_{mode}_{digest[:24]}"
        with self._lock:
            self._accounts[key] = account
        return key

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        account = self._accounts.get(sent.get("Authorization", "").removeprefix("Bearer "))
        if account is None:
            raise UnknownStandIn("dj-stripe used a key that stands for no account")
        own = ("/v1/account", f"/v1/accounts/{account.stripe_account_id}")
        if method.lower() == "get" and urlsplit(url).path in own:
            local = {"id": account.stripe_account_id, "object": "account"}
            return json.dumps(local).encode(), 200, {}
        sent["Authorization"] = f"Bearer {settings.GATEWAY_STRIPE_KEY}"
        sent.pop("Stripe-Account", None)
        if account.is_connected:
            sent["Stripe-Account"] = account.stripe_account_id
        body, status, answered = http_client().request(method, url, sent, post_data)
        return _scrubbed(body), status, answered


def _scrubbed(body: Any) -> bytes:
    raw = body if isinstance(body, bytes) else str(body).encode()
    try:
        return json.dumps(for_mirror(json.loads(raw))).encode()
    except ValueError:
        return raw


stand_in = StandInClient()
"""The process's one stand-in; `apps.py` makes it the library's default client."""
