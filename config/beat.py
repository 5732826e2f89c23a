"""The scheduler of the beat process: django-celery-beat's, plus three habits of ours."""

import time
from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from apps.overview import services
from apps.overview.models import HEARTBEAT_SECONDS
from config.loop import SCHEDULE_PREFIX


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    """Forgets schedules that left the code, says that beat lives, and ends whenever it is told."""

    _next_heartbeat = 0.0
    _is_closed = False

    def setup_schedule(self) -> None:
        """Write the code's schedules; the library adds and changes rows but removes none."""
        dropped = PeriodicTask.objects.filter(name__startswith=SCHEDULE_PREFIX).exclude(
            name__in=self.app.conf.beat_schedule
        )
        dropped.delete()
        super().setup_schedule()

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Send what is due; return the seconds until the next tick.

        The row's own `last_run_at` cannot stand for the heartbeat: it is saved every three minutes.
        """
        if self._is_closed:
            raise SystemExit
        delay = super().tick(*args, **kwargs)
        if time.monotonic() >= self._next_heartbeat:
            services.note_heartbeat(name="beat")
            self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        return delay

    def close(self) -> None:
        """Write what is not written yet; Celery calls it as the signal to stop arrives.

        Its own way out is an exception raised wherever the signal finds it. In the middle of
        sending, the Redis client may turn that into an error which Celery logs: beat went on.
        """
        self._is_closed = True
        super().close()
