"""Failure and recovery as Stripe tells them: late, twice and in any order."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod
from apps.dunning.presets import RECOMMENDED
from apps.recovery.models import RecoveryCase, Try
from apps.retry_settings.models import RetrySettings
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks.models import DirtyObject, InboxEvent
from sandbox import cards
from tests.webhooks.world import World

OLD = "2025-02-24.acacia"

READ_INVOICE = Counter({("GET", "/v1/invoices/{id}"): 1, ("GET", "/v1/charges"): 1})
"""One read: the invoice with all it brings, and its charges, which Stripe lists apart."""

WHEN_WE_LOOKED = {
    "id",
    "read_at",
    "opened_at",
    "checked_at",
    "decide_by",
    "case_id",
    "attempt_id",
    "seen",
    "data_changed_at",
}


AS_WE_FOUND_IT = {"amount_due_minor", "amount_remaining_minor", "stripe_attempt_count"}
"""Of a try: how its invoice stood when we first saw it."""


def tables() -> dict[str, list[dict]]:
    """Everything an event may have written, without the moments at which we looked."""
    return {
        model.__name__: sorted(
            (
                {
                    name: value
                    for name, value in row.items()
                    if name not in (WHEN_WE_LOOKED | (AS_WE_FOUND_IT if model is Try else set()))
                }
                for row in model.objects.values()
            ),
            key=repr,
        )
        for model in (Customer, PaymentMethod, Subscription, Transaction, RecoveryCase, Try)
    }


def forget_everything() -> None:
    for case in RecoveryCase.objects.all():
        case.events.all().delete()
    for model in (
        Try,
        RecoveryCase,
        Transaction,
        Subscription,
        PaymentMethod,
        Customer,
        DirtyObject,
        InboxEvent,
    ):
        model.objects.all().delete()


def recoup_retries(world: World) -> None:
    RetrySettings.objects.create(
        merchant=world.merchant, rules=RECOMMENDED.to_json(), updated_at=world.now
    )


def live_through(world: World) -> list[bytes]:
    """Let a renewal fail, be tried by Stripe and be paid; keep up with every stage."""
    letters = []
    world.failed_renewal(cards.declines("insufficient_funds", times=2))
    for _ in range(4):
        stage = world.collect()
        world.hand_in(stage)
        world.drain()
        letters += stage
        world.advance(days=3)
    return letters


@pytest.fixture
def story(world) -> tuple[World, list[bytes], dict[str, list[dict]]]:
    letters = live_through(world)
    return world, letters, tables()


def test_a_failure_that_stripe_recovers_ends_as_recovered(story):
    transaction = Transaction.objects.get(status="recovered")

    assert transaction.status_detail == "After 3 days"
    assert (transaction.tries, transaction.decline_code) == (3, "insufficient_funds")
    assert Subscription.objects.get().status == "active"
    assert RecoveryCase.objects.get().status == "recovered"
    assert not DirtyObject.objects.exists()


@pytest.mark.parametrize("seed", range(6))
def test_any_order_with_repeats_ends_in_the_same_tables(story, seed):
    world, letters, expected = story
    forget_everything()
    chance = random.Random(seed)  # noqa: S311 - a repeatable order, no secret
    repeated = letters + chance.sample(letters, len(letters) // 2)
    chance.shuffle(repeated)

    while repeated:
        number = chance.randint(1, 7)
        world.hand_in(repeated[:number])
        repeated = repeated[number:]
        world.drain()

    assert tables() == expected


def test_everything_at_once_and_backwards_ends_in_the_same_tables(story):
    world, letters, expected = story
    forget_everything()

    world.hand_in(reversed(letters), copies=2)
    world.drain()

    assert tables() == expected


def test_events_in_the_old_shape_end_the_same_way(make_world):
    world = make_world(api_version=OLD)

    live_through(world)

    transaction = Transaction.objects.get(status="recovered")
    assert (transaction.tries, transaction.decline_code) == (3, "insufficient_funds")
    assert transaction.amount_minor == 14_900
    assert Subscription.objects.get().status == "active"
    assert RecoveryCase.objects.get().status == "recovered"


class TestCalls:
    """How many calls of Stripe's API a renewal costs."""

    def test_a_failed_renewal_costs_one_read(self, world):
        subscription = world.subscribe(cards.declines("insufficient_funds"))
        world.sync()  # the product's name is known from now on
        invoice = world.sandbox.renew(subscription)

        assert world.sync() == READ_INVOICE
        assert Transaction.objects.get(stripe_id=invoice["id"]).status == "retrying"

    def test_a_renewal_that_stripe_recovers_costs_one_read_per_stage(self, world):
        world.failed_renewal(cards.declines("insufficient_funds", times=1))
        world.sync()
        world.advance(days=3)

        assert world.sync() == READ_INVOICE
        assert Transaction.objects.get(status="recovered")

    def test_a_renewal_that_we_recover_costs_two_reads_and_the_charge(self, world):
        recoup_retries(world)
        world.failed_renewal(cards.declines("insufficient_funds", times=1))
        world.sync()
        due = RecoveryCase.objects.get().next_try_at
        assert due is not None
        world.sandbox.run_until(due + timedelta(seconds=1))

        world.http.calls.clear()
        assert world.run_due_attempts() == 1
        world.deliver()
        world.drain()

        assert world.http.calls == READ_INVOICE + READ_INVOICE + Counter(
            {("POST", "/v1/invoices/{id}/pay"): 1}
        )
        assert Transaction.objects.get(status="recovered")
        world.sandbox.judge.assert_clean()

    def test_reports_of_a_known_charge_cost_nothing(self, world):
        world.failed_renewal()
        letters = world.collect()
        world.hand_in(letters)
        world.drain()
        world.http.calls.clear()

        again = [
            letter.replace(b'"id": "evt_', b'"id": "evt_again_')
            for letter in letters
            if b'"type": "charge.failed"' in letter
        ]
        world.hand_in(again)
        world.drain()

        assert len(again) == 1
        assert InboxEvent.objects.filter(stripe_event_id__startswith="evt_again_").count() == 1


def test_a_first_purchase_that_fails_opens_no_case_and_shows_incomplete(world):
    customer = world.sandbox.create_customer_with_card(
        behaviour=cards.declines("insufficient_funds")
    )
    world.sandbox.subscribe(
        customer,
        world.sandbox.create_price(),
        first_payment_succeeds=False,
        payment_behavior="allow_incomplete",
    )
    world.sync()

    assert Transaction.objects.get().status == "incomplete"
    assert Subscription.objects.get().status == "incomplete"
    assert not RecoveryCase.objects.exists()


def test_a_payment_without_an_invoice_is_a_transaction(world):
    customer = world.sandbox.create_customer_with_card(email="ada@example.com")
    charge = world.sandbox.charge_once(customer, 2_500)
    world.sync()

    row = Transaction.objects.get()
    assert (row.stripe_id, row.status, row.amount_minor) == (charge["id"], "succeeded", 2_500)
    assert not DirtyObject.objects.exists()


def test_a_dispute_shows_on_the_payment(world):
    invoice = world.sandbox.renew(world.subscribe())
    world.sync()
    [charge] = [
        row for row in world.sandbox.objects("charge") if row["created"] >= invoice["created"]
    ]
    world.sandbox.dispute(charge)
    world.sync()

    assert Transaction.objects.get(stripe_id=invoice["id"]).status == "disputed"


def test_a_subscription_canceled_by_the_customer_stops_its_case(world):
    invoice = world.failed_renewal()
    world.sync()
    world.sandbox.cancel_subscription(invoice["_subscription"])
    world.sync()

    assert RecoveryCase.objects.get().status == "stopped"
    assert Transaction.objects.get().status == "failed"
    assert Subscription.objects.get().status == "canceled"


def test_a_new_card_pays_the_open_invoice_at_once(world):
    recoup_retries(world)
    invoice = world.failed_renewal(cards.declines("stolen_card"))
    world.sync()
    assert Transaction.objects.get().status == "needs_card"

    world.sandbox.replace_card(invoice["customer"])
    calls = world.sync()

    assert calls["POST", "/v1/invoices/{id}/pay"] == 1
    case = RecoveryCase.objects.get()
    assert (case.status, case.attempts.get().trigger) == ("recovered", "method_changed")
    world.sync()  # what Stripe tells of that charge comes after it
    assert Transaction.objects.get().status == "recovered"


def test_a_card_updated_by_its_network_is_noted(world):
    invoice = world.failed_renewal(cards.declines("expired_card"))
    world.sync()
    [card] = [
        row
        for row in world.sandbox.objects("payment_method")
        if row["customer"] == invoice["customer"]
    ]
    world.advance(hours=5)
    world.sandbox.update_by_network(card)
    world.sync()

    row = PaymentMethod.objects.get(stripe_payment_method_id=card["id"])
    assert row.updated_by_network_at is not None
    assert row.data_changed_at is not None


def test_a_connected_account_is_kept_apart(world):
    account = world.sandbox.add_account()
    connected = Merchant.objects.create(
        name="C", stripe_account_id=account, is_connected=True, time_zone="Asia/Tokyo"
    )
    world.sandbox.add_endpoint("http://localhost/connect", secret="whsec_tests", connect=True)
    customer = world.sandbox.create_customer_with_card(
        behaviour=cards.declines("insufficient_funds"), account=account
    )
    price = world.sandbox.create_price(5_000, "jpy", account=account)
    subscription = world.sandbox.subscribe(customer, price, account=account)
    world.sandbox.renew(subscription, account=account)
    world.sync()

    row = Transaction.objects.get()
    assert (row.merchant, row.currency, row.amount_minor) == (connected, "jpy", 5_000)
