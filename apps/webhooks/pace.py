"""How fast an import may ask: well below Stripe's limit, slower after each refusal."""

import time
from collections.abc import Callable

CALLS_A_SECOND = 15.0
"""Stripe allows 25 a second per endpoint; live reads need their part of them.

Source: https://docs.stripe.com/rate-limits
"""

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


class Pace:
    """Lets calls go at an even rate; `rate` is in calls a second."""

    def __init__(
        self,
        rate: float = CALLS_A_SECOND,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if rate <= 0:
            raise ValueError("The rate must be above 0.")
        self._gap = 1 / rate
        self._sleep = sleep
        self._clock = clock
        self._next = clock()
        self._refusals = 0

    def wait(self) -> None:
        """Wait until the next call may go."""
        now = self._clock()
        if self._next > now:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._gap

    def refused(self, retry_after: float = 0.0) -> float:
        """Answer how many seconds to wait after a refusal: doubled each time in a row."""
        wait = min(FIRST_WAIT * 2.0**self._refusals, LONGEST_WAIT)
        self._refusals += 1
        return max(wait, retry_after)

    def answered(self) -> None:
        """Note that Stripe answers again."""
        self._refusals = 0
