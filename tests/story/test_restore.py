"""A backup is restored: what happened since is unknown, and nobody is charged before it is known."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import AuditEntry, Installation, Merchant
from apps.accounts.queries import charging_stop
from apps.recovery import services as recovery
from apps.webhooks import services as webhooks
from apps.webhooks.models import DirtyObject
from sandbox import cards
from sandbox.faults import Fault
from tests.story.world import DAY, HOUR


@pytest.fixture
def restored(world):
    """The world an hour after a retry was due, in a database whose last sign of life is older."""
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    accounts.note_alive(real_now=timezone.now() - dt.timedelta(hours=2), now=world.now)
    return world


def wake_up(world) -> None:
    """Do what the first heartbeat after the restore does."""
    accounts.note_alive(real_now=timezone.now(), now=world.now)


def lose_time(world, by: dt.timedelta) -> None:
    """Let time pass at Stripe while nothing of it reaches the product."""
    world.sandbox.advance(by)
    world._set_clock()


def test_an_invoice_paid_meanwhile_is_not_charged_and_its_case_is_recovered(restored):
    invoice_id = restored.case.stripe_invoice_id
    restored.sandbox.customer_pays(invoice_id, account=restored.account)
    lose_time(restored, restored.case.next_try_at - restored.now + HOUR)
    wake_up(restored)
    restored.calls()

    assert recovery.due_attempts(now=restored.now) == []
    assert webhooks.catch_up(now=restored.now) == []

    assert restored.case.status == "recovered"
    assert restored.transaction.status == "recovered"
    assert not any("pay" in call for call in restored.calls())
    assert len(restored.charges(invoice_id)) == 1


def test_an_open_invoice_is_read_first_and_then_charged(restored):
    lose_time(restored, restored.case.next_try_at - restored.now + HOUR)
    wake_up(restored)
    attempt = restored.case.attempts.get()
    recovery.run_attempt(attempt_id=attempt.pk, now=restored.now)
    assert restored.case.status == "open"
    assert restored.charges(restored.case.stripe_invoice_id) == []

    assert webhooks.catch_up(now=restored.now) == []
    assert charging_stop(Merchant.objects.get()) is None
    assert AuditEntry.objects.filter(action="merchant.reconciled").count() == 1
    restored.settle_down()

    assert restored.case.status == "recovered"
    assert len(restored.charges(restored.case.stripe_invoice_id)) == 1


def test_a_failure_nobody_told_us_about_is_found(world):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    accounts.note_alive(real_now=timezone.now() - dt.timedelta(hours=2), now=world.now)
    webhooks.sweep_events(now=world.now)
    lose_time(world, 30 * DAY + 3 * HOUR)
    wake_up(world)

    webhooks.catch_up(now=world.now)

    assert world.case.status == "open"


def test_while_stripe_does_not_answer_it_stays_off(restored):
    lose_time(restored, restored.case.next_try_at - restored.now + HOUR)
    wake_up(restored)
    restored.sandbox.faults.add(
        Fault.TIMEOUT_BEFORE, method="GET", path="/v1/invoices/*", times=None
    )

    (behind,) = webhooks.catch_up(now=restored.now)

    assert behind.merchant == restored.merchant
    assert "still to be read" in behind.why
    assert recovery.due_attempts(now=restored.now) == []

    restored.sandbox.faults.clear()
    DirtyObject.objects.update(not_before=timezone.now(), failures=0)
    assert webhooks.catch_up(now=restored.now) == []
    assert recovery.due_attempts(now=restored.now)


def test_one_dead_account_keeps_no_other_merchant_waiting(restored):
    gone = Merchant.objects.create(name="Gone", stripe_account_id="acct_gone", is_connected=True)
    unconnected = Merchant.objects.create(name="New")
    wake_up(restored)

    (behind,) = webhooks.catch_up(now=restored.now)

    assert behind.merchant == gone
    assert set(Merchant.objects.charging()) == {restored.merchant, unconnected}


def test_an_object_that_nobody_can_read_does_not_keep_it_off(restored):
    DirtyObject.objects.create(
        merchant=restored.merchant,
        kind="invoice",
        stripe_id="in_odd",
        marked_at=restored.now,
        not_before=DirtyObject.PARKED,
        error="no reader understands it",
    )
    wake_up(restored)

    assert webhooks.catch_up(now=restored.now) == []


def test_without_a_demand_there_is_nothing_to_do(world, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert webhooks.catch_up(now=world.now) == []


def test_the_command_forces_it(restored):
    accounts.note_alive(real_now=timezone.now(), now=restored.now)
    webhooks.catch_up(now=restored.now)
    restored.advance(HOUR)
    out = StringIO()

    call_command("after_restore", stdout=out)

    assert "charging goes on" in out.getvalue()
    assert Installation.objects.get().reconcile_since > restored.now - HOUR
    assert restored.case.checked_at >= Installation.objects.get().reconcile_since
