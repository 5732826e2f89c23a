"""The processes start together, say so, are missed when they die, and end when told."""

import datetime as dt

import pytest

from apps.overview.models import Heartbeat

pytestmark = pytest.mark.processes


def forget(name: str) -> None:
    """Make a heartbeat old; a living process writes a new one within seconds."""
    old = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    Heartbeat.objects.filter(name=name).update(at=old)


def test_a_dead_process_is_named_and_its_successor_ends_the_alarm(stage):
    stage.start_all()

    for name in ("worker", "beat"):
        forget(name)
        stage.wait_until_healthy()

        stage.kill(name)
        forget(name)
        status, answer = stage.health()
        assert (status, answer["failing"]) == (503, [name])

        stage.start(name)
        stage.wait_until_healthy()

    ended = {name: stage.stop(name) for name in ("beat", "worker", "web", "stripe")}
    assert ended == {"beat": 0, "worker": 0, "web": 0, "stripe": 0}
