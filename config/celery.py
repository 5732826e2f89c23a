"""The Celery application. Celery and beat only wake the loop; Postgres holds every due time."""

import os
from pathlib import Path
from typing import Any

from celery import Celery, bootsteps, signals

from config import logs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")


class WorkerHeartbeat(bootsteps.StartStopStep):
    """Says that this worker lives, from the moment it takes tasks and again after a reconnect."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        self.timer: Any = None
        super().__init__(parent, **kwargs)

    def start(self, parent: Any) -> None:
        # Models load after this module.
        from apps.overview import services
        from apps.overview.models import HEARTBEAT_SECONDS

        services.note_heartbeat(name="worker")
        self.timer = parent.timer.call_repeatedly(
            HEARTBEAT_SECONDS, services.note_heartbeat, kwargs={"name": "worker"}
        )

    def stop(self, parent: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


def make_broker_folders(sender: Celery, **_: object) -> None:
    """Make the file broker's folders: whichever process comes first fails where one is missing."""
    options = sender.conf.broker_transport_options
    for name in ("data_folder_in", "control_folder"):
        if name in options:
            Path(options[name]).mkdir(parents=True, exist_ok=True)


app = Celery("recoup")
app.on_after_configure.connect(make_broker_folders)
app.config_from_object("django.conf:settings", namespace="CELERY")
signals.setup_logging.connect(logs.set_up_celery)
signals.task_prerun.connect(logs.begin_task)
signals.task_postrun.connect(logs.end_task)
app.steps["consumer"].add(WorkerHeartbeat)
app.autodiscover_tasks()
