"""Keep calls waiting, so that a test can end the caller at a known place."""

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

When = Literal["before", "after"]


@dataclass(slots=True)
class _Hold:
    method: str
    path: str
    when: When
    seconds: float
    times: int
    released: threading.Event = field(default_factory=threading.Event)


class Holds:
    """Calls that wait "before" they are carried out, or "after" it and before the answer."""

    def __init__(self) -> None:
        self._planned: list[_Hold] = []
        self._lock = threading.Lock()
        self.waiting = 0
        self.held = 0

    def add(
        self, *, path: str, method: str = "*", when: When = "after", seconds: float, times: int = 1
    ) -> None:
        """Hold the next `times` calls like `method` and `path` (shell patterns)."""
        with self._lock:
            self._planned.append(_Hold(method, path, when, seconds, times))

    def release(self) -> None:
        """Let every waiting call go on, and hold none any more."""
        with self._lock:
            planned, self._planned = self._planned, []
        for hold in planned:
            hold.released.set()

    def wait(self, when: When, method: str, path: str) -> None:
        """Wait here if this call is to be held at this place."""
        hold = self._take(when, method, path)
        if hold is None:
            return
        with self._lock:
            self.waiting += 1
            self.held += 1
        hold.released.wait(hold.seconds)
        with self._lock:
            self.waiting -= 1

    def _take(self, when: When, method: str, path: str) -> _Hold | None:
        with self._lock:
            for hold in self._planned:
                fits = fnmatchcase(method, hold.method) and fnmatchcase(path, hold.path)
                if hold.times > 0 and hold.when == when and fits:
                    hold.times -= 1
                    return hold
        return None
