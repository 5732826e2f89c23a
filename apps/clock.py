"""Business time: the one answer to "what time is it?" for everything that has to do with money.

Due times, key ages, the signature window and mails use `now()`, taken at the edge (view, task,
command) and passed in. Heartbeats, sessions, rate limits and leases use real time instead.
"""

import datetime as dt
from pathlib import Path

from django.conf import settings


def now() -> dt.datetime:
    """Return business time as an aware UTC datetime.

    Real time, unless `CLOCK_OFFSET_FILE` names a file (the demo, never production): then its
    content, a number of seconds, is added.
    """
    real = dt.datetime.now(dt.UTC)
    path: Path | None = settings.CLOCK_OFFSET_FILE
    if path is None:
        return real
    try:
        offset = float(path.read_text())
    except FileNotFoundError:
        return real
    return real + dt.timedelta(seconds=offset)
