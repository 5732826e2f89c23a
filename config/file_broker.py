"""kombu's `filesystem://` broker without its races.

kombu opens a message's file before it locks and fills it, and readers do not ask for the lock: a
worker that looks in between reads half a message and ends. Taking a message is a copy where the
temporary folder is another file system, which two workers may do at once. The tables of exchanges
are made as messages are, and all processes of a demo make them at the same moment.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    """Messages appear whole and are taken once, tables change one at a time."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        # The name is kombu's: the time orders messages, what follows the first dot is the queue.
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        unfinished = folder / f".{name}.unfinished"
        unfinished.write_bytes(str_to_bytes(dumps(payload)))
        unfinished.replace(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        folder = Path(self.data_folder_in)
        for name in sorted(path.name for path in folder.iterdir()):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f".{name}.taken"
            with suppress(FileNotFoundError):  # another worker was first
                (folder / name).rename(taken)
                message = loads(bytes_to_str(taken.read_bytes()))
                taken.unlink()
                return message
        raise Empty

    def get_table(self, exchange: str) -> Any:
        with self._alone():
            return super().get_table(exchange)

    def _queue_bind(self, *args: Any, **kwargs: Any) -> None:
        with self._alone():
            super()._queue_bind(*args, **kwargs)

    def _delete(self, *args: Any, **kwargs: Any) -> None:
        with self._alone():
            super()._delete(*args, **kwargs)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = os.open(Path(self.control_folder) / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


class Transport(filesystem.Transport):
    """The settings name it where the broker's address is `filesystem://`."""

    Channel = Channel
