"""The sandbox's clock: it only ever moves forward."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

RealTime = Callable[[], datetime]


def real_time() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Virtual time in aware UTC.

    With `start` the clock stands still until it is advanced, which is what tests want. Without
    it the clock is real time plus `offset` and runs on by itself, which is what a process wants.
    """

    def __init__(
        self,
        start: datetime | None = None,
        *,
        offset: timedelta = timedelta(0),
        real: RealTime = real_time,
    ) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("the clock needs an aware datetime")
        if offset < timedelta(0):
            raise ValueError("the clock only moves forward")
        self._fixed = start.astimezone(UTC) if start is not None else None
        self._offset = offset
        self._real = real
        self._lock = threading.Lock()

    @property
    def offset(self) -> timedelta:
        """How far a running clock is ahead of real time."""
        return self._offset

    @property
    def is_fixed(self) -> bool:
        """Whether the clock stands still between two calls of `advance`."""
        return self._fixed is not None

    def now(self) -> datetime:
        if self._fixed is not None:
            return self._fixed
        return self._real() + self._offset

    def advance(self, by: timedelta) -> datetime:
        """Move forward and return the new time.

        Raises:
            ValueError: if `by` is negative.
        """
        if by < timedelta(0):
            raise ValueError("the clock only moves forward")
        with self._lock:
            if self._fixed is not None:
                self._fixed += by
            else:
                self._offset += by
        return self.now()

    def advance_to(self, moment: datetime) -> datetime:
        """Move forward to `moment`; a moment already passed changes nothing."""
        ahead = moment - self.now()
        if ahead > timedelta(0):
            self.advance(ahead)
        return self.now()
