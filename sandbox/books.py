"""The objects of one Stripe account, seen through one request or one tick of the clock."""

from typing import TYPE_CHECKING, Any

from sandbox import events
from sandbox.errors import missing
from sandbox.ids import PREFIXES
from sandbox.types import Obj, copy_json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

DAY = 86_400
HOUR = 3_600


class Books:
    """One account's objects: find, add, save, and tell the world by events.

    `request_id` and `idempotency_key` end up in the events, as Stripe names the request that
    caused one; both are None for what Stripe does by itself.
    """

    def __init__(
        self,
        sandbox: "Sandbox",
        account: str,
        *,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.account = account
        self.request_id = request_id
        self.idempotency_key = idempotency_key

    @property
    def now(self) -> int:
        """Seconds since 1970, as Stripe's API counts."""
        return int(self.sandbox.now().timestamp())

    @property
    def settings(self) -> Obj:
        """What the account's owner set in the dashboard; no API reads or writes it."""
        return self.sandbox.settings_of(self.account)

    @property
    def livemode(self) -> bool:
        return bool(self.settings["livemode"])

    def new_id(self, kind: str) -> str:
        prefix = PREFIXES[kind]
        if prefix == "cs_test_" and self.livemode:
            prefix = "cs_live_"
        return prefix + self.sandbox.new_letters()

    def find(self, kind: str, id: str | None) -> Obj | None:
        return self.sandbox.store.get(self.account, kind, id) if id else None

    def get(self, kind: str, id: str, *, param: str | None = "id") -> Obj:
        """Raise ApiError 404 if there is no such object in this account."""
        found = self.find(kind, id)
        if found is None:
            raise missing(kind, id, param=param)
        return found

    def all(self, kind: str) -> list[Obj]:
        return self.sandbox.store.all(self.account, kind)

    def where(self, kind: str, field: str, value: object) -> list[Obj]:
        return self.sandbox.store.where(self.account, kind, field, value)

    def save(self, obj: Obj, *, kind: str | None = None) -> Obj:
        self.sandbox.store.put(self.account, kind or obj["object"], obj["id"], obj)
        return obj

    def delete(self, obj: Obj) -> None:
        self.sandbox.store.delete(self.account, obj["object"], obj["id"])

    def emit(self, type: str, obj: Obj, before: Obj | None = None) -> str | None:
        """Record an event and return its id; an update that changed nothing visible is none."""
        return events.record(self, type, obj, before)

    def at(self, moment: int | None, action: str, id: str) -> None:
        """Let `action` run on the object at `moment`; None takes it off the calendar."""
        self.sandbox.timers.set(self.account, action, id, moment)


def snapshot(obj: Obj) -> Obj:
    """Return a copy from before a change, to tell the difference by."""
    copied: Obj = copy_json(obj)
    return copied


def list_of(data: list[Any], url: str, *, has_more: bool = False) -> Obj:
    """Return a list object with everything in it, as it stands inside other objects."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
