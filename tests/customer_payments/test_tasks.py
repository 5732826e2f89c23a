"""What beat wakes: each step by itself, whatever becomes of the others or of the broker."""

import pytest
from kombu.exceptions import OperationalError

from apps import clock
from apps.customer_payments import services, tasks
from apps.integrations import tasks as integrations_tasks
from apps.integrations.models import Delivery
from tests.integrations.factories import SUNDAY_NOON, DeliveryFactory


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: SUNDAY_NOON)


@pytest.fixture(autouse=True)
def _no_run(monkeypatch):
    monkeypatch.setattr(services, "plan_runs", lambda **_: 0)


def test_a_step_that_fails_holds_up_no_other(monkeypatch):
    taken = []

    def carry_out(*, step_id, now):
        if step_id == 1:
            raise RuntimeError("poison")
        taken.append(step_id)

    monkeypatch.setattr(services, "due_steps", lambda *, now: [1, 2])
    monkeypatch.setattr(services, "carry_out_step", carry_out)

    tasks.take_due_steps(an_older_message="says more")

    assert taken == [2]


def test_a_slow_stripe_leaves_the_rest_to_the_next_beat(monkeypatch):
    taken = []
    monkeypatch.setattr(tasks, "SECONDS", -1.0)
    monkeypatch.setattr(services, "due_steps", lambda *, now: [1, 2])
    monkeypatch.setattr(services, "carry_out_step", lambda **given: taken.append(given))

    tasks.take_due_steps()

    assert taken == []


@pytest.mark.parametrize(
    ("module", "task"), [(tasks, "take_due_steps"), (integrations_tasks, "send_due")]
)
def test_without_a_broker_nothing_breaks(monkeypatch, module, task):
    def refuse(**_):
        raise OperationalError("no broker")

    monkeypatch.setattr(getattr(module, task), "apply_async", refuse)

    module.wake()


@pytest.mark.django_db
def test_a_worker_is_woken_for_each_delivery_that_is_due(monkeypatch):
    due = DeliveryFactory()
    DeliveryFactory(next_at="2999-01-01T00:00Z")
    sent = []
    monkeypatch.setattr(integrations_tasks.send, "apply_async", lambda **given: sent.append(given))

    integrations_tasks.send_due()
    integrations_tasks.send(delivery_id=due.pk, an_older_message="says more")
    integrations_tasks.forget()

    assert [one["kwargs"] for one in sent] == [{"delivery_id": due.pk}]
    assert Delivery.objects.get(pk=due.pk).tries == 1
