"""What happened in a world, to be printed when a rule is broken."""

import datetime as dt
from collections.abc import Callable
from hashlib import sha256

MOST_LINES = 120


class Timeline:
    """Lines with the moment and who did it; one can be asked for what concerns an object.

    Two runs of one seed have the same fingerprint: every line and every turn of a process.
    """

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self._lines: list[tuple[dt.datetime, str, str]] = []
        self._print = sha256()

    def add(self, who: str, what: str) -> None:
        """Note that somebody did something."""
        self._lines.append((self._now(), who, what))
        self.note_turn(who, what)

    def note_turn(self, *words: str) -> None:
        """Let something count for the fingerprint that is not worth a line."""
        self._print.update(repr((self._now(), *words)).encode())

    @property
    def fingerprint(self) -> str:
        return self._print.hexdigest()[:16]

    def text(self, *about: str) -> str:
        """Give the last lines that name one of `about`, and what concerns everybody."""
        wanted = [name for name in about if name]
        shown = [
            f"{moment:%m-%d %H:%M:%S}  {who:<10} {what}"
            for moment, who, what in self._lines
            if not wanted or who in _EVERYBODY or any(name in f"{who} {what}" for name in wanted)
        ]
        return "\n".join([*shown[:1], *shown[1:][-MOST_LINES:]])


_EVERYBODY = ("world", "Stripe", "workers", "clock", "merchant")
