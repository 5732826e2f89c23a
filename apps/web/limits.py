"""How often somebody may ask for something, per minute of real time and per process."""

import time

from django.core.cache import cache

MINUTE = 60


def is_over(*, name: str, most: int) -> bool:
    """Count one request under a name and say whether it is one too many for this minute."""
    key = f"limits:{name}:{int(time.time() // MINUTE)}"
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        return cache.incr(key) > most
    except ValueError:  # it ran out between the two lines
        return False


def seconds_left() -> int:
    """Say how long this minute lasts."""
    return MINUTE - int(time.time() % MINUTE)
