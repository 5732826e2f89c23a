"""Signs of life of the processes that work without anybody watching."""

from django.db import models


class Heartbeat(models.Model):
    """When a kind of process last said that it lives, in real time."""

    name = models.CharField(max_length=32, primary_key=True, help_text="worker or beat")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
