"""Stripe's idempotency store: the first answer of a key is the answer of that key.

Source: https://docs.stripe.com/api/idempotent_requests
"""

import json
from dataclasses import asdict
from hashlib import sha256

from sandbox.errors import key_in_use, key_reused
from sandbox.store import Store
from sandbox.types import Obj, Params, Response

LIFETIME = 24 * 3_600
MAX_LENGTH = 255


def fingerprint(method: str, path: str, params: Params) -> str:
    """Return what makes two calls the same call."""
    text = json.dumps([method, path, params], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()


class IdempotencyStore:
    """Answers by (account, key) for 24 hours of the sandbox's clock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[tuple[str, str], str] = {}

    def begin(self, account: str, key: str, call: str, *, now: int) -> Response | None:
        """Return the stored answer, or None if the call is to be executed.

        Raises:
            ApiError: 409 while the same key is being executed, 400 if its first call was another.
        """
        if (account, key) in self._running:
            raise key_in_use(key)
        self.prune(account, now)
        stored = self._store.get(account, "idempotency", key)
        if stored is None:
            self._running[account, key] = call
            return None
        if stored["call"] != call:
            raise key_reused(key)
        answer = Response(**stored["answer"])
        return Response(
            answer.status, {**answer.headers, "Idempotent-Replayed": "true"}, answer.body
        )

    def finish(self, account: str, key: str, answer: Response | None, *, now: int) -> None:
        """Keep the answer; None for one that is not kept, so that the key may be used again."""
        call = self._running.pop((account, key))
        if answer is not None:
            entry: Obj = {"id": key, "call": call, "at": now, "answer": asdict(answer)}
            self._store.put(account, "idempotency", key, entry)

    def prune(self, account: str, now: int) -> None:
        """Forget answers older than 24 hours; the oldest stand first."""
        while (entry := self._store.first(account, "idempotency")) is not None:
            if now - entry["at"] <= LIFETIME:
                return
            self._store.delete(account, "idempotency", entry["id"])
