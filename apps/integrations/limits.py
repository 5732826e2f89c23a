"""How often the API may be asked, per minute of real time and per process."""

import time

from django.core.cache import cache

PER_TOKEN = 1_200
UNKNOWN_PER_ADDRESS = 60
MINUTE = 60


def is_over(*, name: str, most: int) -> bool:
    """Count one request under a name and say whether it is one too many for this minute."""
    key = f"integrations:{name}:{int(time.time() // MINUTE)}"
    cache.add(key, 0, timeout=2 * MINUTE)
    try:
        return cache.incr(key) > most
    except ValueError:  # it ran out between the two lines
        return False


def seconds_left() -> int:
    """Say how long this minute lasts."""
    return MINUTE - int(time.time() % MINUTE)
