"""What is sent by name exists, and beat's tables say what the code says."""

import ast
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.beat import Scheduler
from config.loop import beat_schedule, broker_options, queue_of


def names_sent_in_code() -> set[str]:
    """Collect the task names given as text to `send_task` anywhere in the product."""
    found = set()
    for path in (settings.BASE_DIR / "apps").rglob("*.py"):
        for node in ast.walk(ast.parse(Path(path).read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                first = node.args[0] if node.args else None
                if node.func.attr == "send_task" and isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_every_task_of_the_schedule_exists():
    current_app.autodiscover_tasks(force=True)

    missing = {entry["task"] for entry in beat_schedule(60).values()} - set(current_app.tasks)

    assert not missing


def test_every_task_sent_by_name_exists():
    current_app.autodiscover_tasks(force=True)
    sent = names_sent_in_code()

    assert "reactions.deliver" in sent
    assert not sent - set(current_app.tasks)


def test_charges_and_the_mirror_have_queues_of_their_own():
    assert queue_of("recovery.run_attempt") == "money"
    assert queue_of("reactions.deliver") == "default"
    assert queue_of("stripe_gateway.mirror") == "low"
    assert {queue.name for queue in settings.CELERY_TASK_QUEUES} == {"money", "default", "low"}


def test_the_pace_of_the_loop_is_a_setting():
    demo, production = beat_schedule(2), beat_schedule(60)

    assert demo["recoup: recovery.start_due_attempts"]["schedule"] == 2
    assert production["recoup: recovery.start_due_attempts"]["schedule"] == 60
    assert production["recoup: reactions.deliver"]["schedule"] == 10


def test_the_file_broker_has_one_folder_for_both_directions():
    options = broker_options("filesystem://")

    assert options["data_folder_in"] == options["data_folder_out"]
    assert options["data_folder_in"] != options["control_folder"]
    assert broker_options("memory://") == {}


@pytest.mark.django_db(transaction=True)
class TestScheduler:
    def test_forgets_what_left_the_code_and_keeps_what_an_operator_added(self):
        every = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.SECONDS)
        for name in ("recoup: old.task", "the operator's own"):
            PeriodicTask.objects.create(name=name, task="reactions.deliver", interval=every)

        Scheduler(app=current_app, lazy=True).setup_schedule()

        names = set(PeriodicTask.objects.values_list("name", flat=True))
        assert names == {*settings.CELERY_BEAT_SCHEDULE, "the operator's own"}

    def test_ends_at_the_next_tick_where_the_signal_to_stop_was_swallowed(self):
        scheduler = Scheduler(app=current_app, lazy=True)

        scheduler.close()

        with pytest.raises(SystemExit):
            scheduler.tick()

    def test_a_changed_pace_reaches_the_table_and_a_switched_off_task_stays_off(self):
        Scheduler(app=current_app, lazy=True).setup_schedule()
        deliver = PeriodicTask.objects.filter(task="reactions.deliver")
        deliver.update(enabled=False, interval=IntervalSchedule.objects.get(every=600))

        Scheduler(app=current_app, lazy=True).setup_schedule()

        row = deliver.get()
        assert row.enabled is False
        assert row.interval.every == settings.CELERY_BEAT_SCHEDULE[row.name]["schedule"]
