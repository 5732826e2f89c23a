"""Signs of life of the processes that work without anybody watching."""

import datetime as dt

from django.db import models

# How often a living process says so, and how long that is believed.
HEARTBEAT_SECONDS = 5
HEARTBEAT_FRESH = dt.timedelta(seconds=30)


class Heartbeat(models.Model):
    """When a kind of process last said that it lives, in real time."""

    name = models.CharField(max_length=32, primary_key=True, help_text="worker or beat")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
