"""What goes wrong between a caller and Stripe, on request."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Fault(StrEnum):
    """One kind of trouble with an API call."""

    # The call is carried out and its answer is lost.
    TIMEOUT_AFTER = "timeout_after"
    # The call never arrives.
    TIMEOUT_BEFORE = "timeout_before"
    # 500, kept under the key; nothing was done.
    ERROR_500 = "error_500"
    # 500, kept under the key, although the call was carried out.
    ERROR_500_AFTER = "error_500_after"
    RATE_LIMIT = "rate_limit"
    LOCK_TIMEOUT = "lock_timeout"
    # The same key is being executed elsewhere.
    KEY_IN_USE = "key_in_use"


@dataclass(slots=True)
class _Planned:
    fault: Fault
    method: str
    path: str
    account: str | None
    times: int | None


class Faults:
    """Faults waiting for calls that fit them; the one planned first is used first.

    `down_until` is in seconds since 1970: before it no call arrives and no webhook leaves.
    """

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self.down_until = 0

    def add(
        self,
        fault: Fault,
        *,
        method: str = "*",
        path: str = "*",
        account: str | None = None,
        times: int | None = 1,
    ) -> None:
        """Let calls like `method` and `path` (shell patterns) fail, n times or for ever (None)."""
        self._planned.append(_Planned(Fault(fault), method, path, account, times))

    @property
    def waiting(self) -> int:
        """How many faults of a limited number are not used up."""
        return sum(item.times or 0 for item in self._planned)

    def clear(self) -> None:
        self._planned.clear()
        self.down_until = 0

    def take(self, method: str, path: str, account: str, *, now: int = 0) -> Fault | None:
        """Return the fault for this call, used up if its number is limited."""
        if now < self.down_until:
            return Fault.TIMEOUT_BEFORE
        for item in self._planned:
            if item.times == 0 or not fnmatchcase(method, item.method):
                continue
            if not fnmatchcase(path, item.path) or item.account not in (None, account):
                continue
            if item.times is not None:
                item.times -= 1
            return item.fault
        return None
