"""The queue between beat and workers: it only wakes, so it may lose and repeat."""

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.simulation.trouble import Trouble

Message = tuple[str, tuple[tuple[str, Any], ...]]


class Broker:
    """Messages by task name and arguments, as `send_task` is given them."""

    def __init__(self, trouble: "Trouble") -> None:
        self._trouble = trouble
        self._waiting: deque[Message] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, name: str, args: Any = None, kwargs: Any = None, **_: Any) -> None:
        """Take a message in; a wake-up that waits already is not worth a second one."""
        message: Message = (name, tuple(sorted((kwargs or {}).items())))
        rng, trouble = self._trouble.rng, self._trouble
        if trouble.lost_messages and rng.random() < trouble.lost_messages:
            return
        copies = 1
        if trouble.repeated_messages and rng.random() < trouble.repeated_messages:
            copies = 2
        if copies == 1 and message in self._waiting:
            return
        self._waiting.extend([message] * copies)

    def take(self) -> Message | None:
        """Give a message to a worker, mostly the oldest; it is gone with that worker."""
        if not self._waiting:
            return None
        if len(self._waiting) > 1 and self._trouble.rng.random() < 0.3:
            self._waiting.rotate(-self._trouble.rng.randrange(len(self._waiting)))
        return self._waiting.popleft()

    def flush(self) -> None:
        """Lose everything, as a restarted broker does."""
        self._waiting.clear()
