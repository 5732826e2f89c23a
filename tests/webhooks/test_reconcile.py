"""Comparing what is owed with Stripe: differences are found, named, and read again."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.recovery.models import RecoveryCase
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks import tasks
from apps.webhooks.models import DirtyObject, ReconciliationReport
from apps.webhooks.pace import Pace
from apps.webhooks.services.reconciling import reconcile
from tests.webhooks.world import World


def compare(world: World, **options) -> ReconciliationReport:
    pace = Pace(1000, sleep=lambda _: None)
    return reconcile(merchant=world.merchant, now=world.now, pace=pace, **options)


def lose_the_post(world: World) -> None:
    world.collect()


def test_nothing_differs_after_everything_was_delivered(world):
    world.failed_renewal()
    world.sync()

    report = compare(world)

    assert report.differences == {}
    assert report.compared == 2
    assert not DirtyObject.objects.exists()


def test_a_failure_nobody_told_us_about_is_found_and_read(world):
    invoice = world.failed_renewal()
    lose_the_post(world)

    report = compare(world)
    world.drain()

    assert report.differences == {
        "open_only_at_stripe": [invoice["id"]],
        "past_due_only_at_stripe": [Subscription.objects.get().stripe_subscription_id],
    }
    assert RecoveryCase.objects.get().status == "open"
    assert Transaction.objects.get(stripe_id=invoice["id"]).case_status == "open"
    assert compare(world).differences == {}


def test_a_payment_nobody_told_us_about_is_found_and_read(world):
    invoice = world.failed_renewal()
    world.sync()
    world.sandbox.customer_pays(invoice["id"])
    lose_the_post(world)

    report = compare(world)
    world.drain()

    assert report.differences["open_only_here"] == [invoice["id"]]
    assert Transaction.objects.get(stripe_id=invoice["id"]).status == "recovered"
    assert Subscription.objects.get().status == "active"
    assert compare(world).differences == {}


def test_another_try_nobody_told_us_about_is_found(world):
    invoice = world.failed_renewal()
    world.sync()
    world.advance(days=5)
    lose_the_post(world)

    report = compare(world)
    world.drain()

    assert report.differences == {"another_amount_or_count": [invoice["id"]]}
    assert Transaction.objects.get(stripe_id=invoice["id"]).tries > 1
    assert compare(world).differences == {}


def test_checking_repairs_nothing(world):
    world.failed_renewal()
    lose_the_post(world)

    report = compare(world, repair=False)

    assert report.difference_count == 2
    assert report.repaired == 0
    assert not DirtyObject.objects.exists()


def test_a_stripe_that_does_not_answer_is_reported_and_closes_nothing(world):
    world.failed_renewal()
    world.sync()
    world.sandbox.faults.add("error_500", path="/v1/invoices", times=None)

    report = compare(world)

    assert report.error
    assert report.differences == {}
    assert not DirtyObject.objects.exists()


def test_a_hundred_invoices_cost_two_calls_more_than_one_page(world):
    sold = world.subscribe()
    for _ in range(101):
        item = {"customer": sold["customer"], "amount": 500, "currency": "usd"}
        key = {"Authorization": f"Bearer {world.sandbox.secret_key}"}
        world.sandbox.request("POST", "/v1/invoiceitems", item, key)
        one = {"customer": sold["customer"], "pending_invoice_items_behavior": "include"}
        draft = world.sandbox.request(
            "POST",
            "/v1/invoices",
            {**one, "collection_method": "send_invoice", "days_until_due": 30},
            key,
        ).body
        world.sandbox.request("POST", f"/v1/invoices/{draft['id']}/finalize", {}, key)
    world.http.calls.clear()

    report = compare(world)

    assert len(report.differences["open_only_at_stripe"]) == 101
    assert sum(world.http.calls.values()) == 3


class TestCommand:
    def test_check_exits_with_1_and_names_what_differs(self, world):
        invoice = world.failed_renewal()
        lose_the_post(world)
        out = StringIO()

        with pytest.raises(CommandError, match="2 different") as failed:
            call_command("reconcile", check=True, stdout=out)

        assert failed.value.returncode == 1
        assert invoice["id"] in out.getvalue()
        assert not RecoveryCase.objects.exists()

    def test_without_check_it_repairs(self, world):
        world.failed_renewal()
        lose_the_post(world)

        call_command("reconcile")
        call_command("reconcile", check=True)

        assert RecoveryCase.objects.count() == 1

    def test_a_merchant_nobody_knows(self, world):
        with pytest.raises(CommandError, match="connect_stripe"):
            call_command("reconcile", merchant=0)


def test_the_nightly_task_wakes_a_reader(world, monkeypatch):
    world.failed_renewal()
    lose_the_post(world)
    sent = []
    monkeypatch.setattr("celery.Celery.send_task", lambda self, name, **_: sent.append(name))

    tasks.reconcile()

    assert sent == ["webhooks.drain"]
    assert ReconciliationReport.objects.get().at - world.now < timedelta(seconds=5)
