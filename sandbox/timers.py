"""The calendar of what Stripe does by itself."""

import heapq

from sandbox.store import Store


class Timers:
    """Due moments by (account, action, object id), kept in the store so that they are saved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._heap: list[tuple[int, int, str, str]] = []
        self._count = 0

    def set(self, account: str, action: str, id: str, moment: int | None) -> None:
        name = f"{action} {id}"
        if moment is None:
            self._store.delete(account, "timer", name)
            return
        self._store.put(account, "timer", name, {"at": moment})
        self._push(moment, account, name)

    def next_at(self) -> int | None:
        """When the next action is due, or None if nothing is planned."""
        while self._heap:
            moment, _, account, name = self._heap[0]
            timer = self._store.get(account, "timer", name)
            if timer is not None and timer["at"] == moment:
                return moment
            heapq.heappop(self._heap)
        return None

    def take_due(self, now: int) -> tuple[int, str, str, str] | None:
        """Remove and return the earliest due (moment, account, action, id)."""
        moment = self.next_at()
        if moment is None or moment > now:
            return None
        _, _, account, name = heapq.heappop(self._heap)
        self._store.delete(account, "timer", name)
        action, id = name.split(" ", 1)
        return moment, account, action, id

    def rebuild(self) -> None:
        """Read the calendar back after the store was loaded."""
        self._heap.clear()
        for row in self._store.rows():
            if row.kind == "timer" and row.value is not None:
                self._push(row.value["at"], row.account, row.id)

    def _push(self, moment: int, account: str, name: str) -> None:
        self._count += 1
        heapq.heappush(self._heap, (moment, self._count, account, name))
