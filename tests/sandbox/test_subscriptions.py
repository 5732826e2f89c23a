"""Subscriptions and payment plans from start to end."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from sandbox import cards
from sandbox.billing.subscriptions import next_end
from tests.sandbox.helpers import error_of, failed_renewal


def create(client, customer, price, **params):
    return client.v1.subscriptions.create(
        {"customer": customer["id"], "items": [{"price": price["id"]}], **params}
    )


def stamp(year, month, day, hour=0):
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


class TestPeriods:
    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (stamp(2026, 1, 31), stamp(2026, 2, 28)),
            (stamp(2026, 2, 28), stamp(2026, 3, 31)),
            (stamp(2027, 12, 31), stamp(2028, 1, 31)),
            (stamp(2028, 1, 31), stamp(2028, 2, 29)),
        ],
    )
    def test_months_keep_the_day_of_the_anchor(self, start, end):
        assert next_end(stamp(2026, 1, 31), start, "month", 1) == end

    def test_other_intervals(self):
        start = stamp(2026, 3, 1)
        assert next_end(start, start, "day", 10) == stamp(2026, 3, 11)
        assert next_end(start, start, "week", 2) == stamp(2026, 3, 15)
        assert next_end(start, start, "year", 1) == stamp(2027, 3, 1)


class TestStart:
    def test_a_good_card_pays_at_once(self, sandbox, client):
        customer = sandbox.create_customer_with_card()

        made = create(client, customer, sandbox.create_price(), expand=["latest_invoice"])

        assert made.status == "active"
        assert made.latest_invoice.billing_reason == "subscription_create"
        assert made.latest_invoice.status == "paid"

    def test_a_failing_first_payment_waits_23_hours(self, sandbox, client):
        customer = sandbox.create_customer_with_card(behaviour=cards.declines("insufficient_funds"))
        made = create(client, customer, sandbox.create_price())
        assert made.status == "incomplete"

        sandbox.advance(timedelta(hours=23))

        assert client.v1.subscriptions.retrieve(made.id).status == "incomplete_expired"
        invoice = sandbox.objects("invoice")[0]
        assert (invoice["status"], invoice["attempt_count"]) == ("void", 1)

    def test_paying_the_first_invoice_in_time_activates(self, sandbox, client):
        customer = sandbox.create_customer_with_card(
            behaviour=cards.declines("insufficient_funds", times=1)
        )
        made = create(client, customer, sandbox.create_price())

        client.v1.invoices.pay(made.latest_invoice)
        sandbox.advance(timedelta(days=2))

        assert client.v1.subscriptions.retrieve(made.id).status == "active"

    def test_error_if_incomplete_leaves_nothing_behind_but_the_error(self, sandbox, client):
        customer = sandbox.create_customer_with_card(behaviour=cards.declines("insufficient_funds"))

        with pytest.raises(stripe.CardError) as caught:
            create(client, customer, sandbox.create_price(), payment_behavior="error_if_incomplete")

        assert error_of(caught)["decline_code"] == "insufficient_funds"
        assert client.v1.subscriptions.list({"status": "active"}).data == []

    def test_a_trial_is_free_and_its_end_is_charged(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        made = create(client, customer, sandbox.create_price(900), trial_period_days=7)
        assert made.status == "trialing"
        assert sandbox.objects("charge") == []

        sandbox.advance(timedelta(days=7, hours=2))

        assert client.v1.subscriptions.retrieve(made.id).status == "active"
        assert [charge["amount"] for charge in sandbox.objects("charge")] == [900]

    def test_several_items_are_one_invoice(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        first, second = sandbox.create_price(1_000), sandbox.create_price(250)
        client.v1.subscriptions.create(
            {
                "customer": customer["id"],
                "items": [{"price": first["id"]}, {"price": second["id"], "quantity": 4}],
            }
        )

        invoice = sandbox.objects("invoice")[0]
        assert (invoice["total"], len(invoice["lines"]["data"])) == (2_000, 2)

    def test_a_one_time_price_is_refused(self, sandbox, client):
        price = sandbox.create_price(interval=None)

        with pytest.raises(stripe.InvalidRequestError, match="one_time"):
            create(client, sandbox.create_customer_with_card(), price)


class TestRenewal:
    def test_it_is_a_draft_for_an_hour(self, sandbox):
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        sandbox.run_until(datetime(2026, 2, 5, 15, 30, tzinfo=UTC))
        invoice = sandbox.object("invoice", subscription["latest_invoice"])
        assert invoice["status"] == "draft"
        assert invoice["automatically_finalizes_at"] == stamp(2026, 2, 5, 16)

        sandbox.advance(timedelta(minutes=31))

        assert invoice["status"] == "paid"
        assert invoice["billing_reason"] == "subscription_cycle"

    def test_things_happen_at_their_own_time_however_far_the_clock_jumps(self, sandbox):
        sandbox.subscribe(sandbox.create_customer_with_card(), sandbox.create_price())

        sandbox.advance(timedelta(days=100))

        created = [invoice["created"] for invoice in sandbox.objects("invoice")]
        assert created == [stamp(2026, month, 5, 15) for month in (1, 2, 3, 4)]

    def test_a_sent_invoice_waits_for_the_customer(self, sandbox, client):
        customer = sandbox.create_customer(email="a@example.com")
        create(
            client,
            customer,
            sandbox.create_price(),
            collection_method="send_invoice",
            days_until_due=14,
        )
        invoice = sandbox.objects("invoice")[0]
        assert (invoice["status"], invoice["next_payment_attempt"]) == ("open", None)

        sandbox.advance(timedelta(days=15))

        assert "invoice.overdue" in [event["type"] for event in sandbox.objects("event")]

    @pytest.mark.parametrize(
        ("behaviour", "status"),
        [("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")],
    )
    def test_paused_collection(self, sandbox, client, behaviour, status):
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        client.v1.subscriptions.update(
            subscription["id"], {"pause_collection": {"behavior": behaviour}}
        )

        assert sandbox.renew(subscription)["status"] == status

    def test_waiting_items_ride_along(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        subscription = sandbox.subscribe(customer, sandbox.create_price(1_000))
        client.v1.invoice_items.create(
            {"customer": customer["id"], "amount": 250, "currency": "usd"}
        )

        assert sandbox.renew(subscription)["amount_paid"] == 1_250

    def test_a_credit_balance_is_used_first(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        subscription = sandbox.subscribe(customer, sandbox.create_price(1_000))
        client.v1.customers.update(customer["id"], {"balance": -1_300})

        free, paid = sandbox.renew(subscription), sandbox.renew(subscription)

        assert (free["status"], free["amount_due"]) == ("paid", 0)
        assert (paid["total"], paid["amount_paid"]) == (1_000, 700)
        assert customer["balance"] == 0


class TestEnd:
    def test_canceling_now_leaves_open_invoices_payable(self, sandbox, client):
        invoice = failed_renewal(sandbox)

        client.v1.subscriptions.cancel(invoice["_subscription"])

        assert (invoice["status"], invoice["auto_advance"]) == ("open", False)
        sandbox.customer_pays(invoice)
        subscription = sandbox.object("subscription", invoice["_subscription"])
        assert subscription["status"] == "canceled"

    def test_at_the_end_of_the_period(self, sandbox, client):
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        client.v1.subscriptions.update(subscription["id"], {"cancel_at_period_end": True})
        assert subscription["status"] == "active"

        sandbox.advance(timedelta(days=32))

        assert subscription["status"] == "canceled"
        assert len(sandbox.objects("invoice")) == 1

    def test_on_a_date(self, sandbox, client):
        moment = sandbox.now() + timedelta(days=3)
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(),
            sandbox.create_price(),
            cancel_at=int(moment.timestamp()),
        )

        sandbox.run_until(moment)

        assert subscription["status"] == "canceled"

    def test_a_canceled_one_cannot_be_changed(self, sandbox, client):
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        client.v1.subscriptions.cancel(subscription["id"])

        with pytest.raises(stripe.InvalidRequestError):
            client.v1.subscriptions.update(subscription["id"], {"description": "x"})

    def test_one_that_ended_is_not_found_when_it_is_canceled_again(self, sandbox, client):
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        client.v1.subscriptions.cancel(subscription["id"])

        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.subscriptions.cancel(subscription["id"])

        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


class TestPaymentPlans:
    def make(self, sandbox, client, **phase):
        customer = sandbox.create_customer_with_card()
        price = sandbox.create_price(5_000)
        return client.v1.subscription_schedules.create(
            {
                "customer": customer["id"],
                "start_date": "now",
                "end_behavior": "cancel",
                "phases": [{"items": [{"price": price["id"]}], **phase}],
            }
        )

    def test_a_fixed_number_of_instalments_then_completed(self, sandbox, client):
        schedule = self.make(sandbox, client, duration={"interval": "month", "interval_count": 3})

        sandbox.advance(timedelta(days=200))

        row = sandbox.object("subscription_schedule", schedule.id)
        paid = [item for item in sandbox.objects("invoice") if item["status"] == "paid"]
        assert (row["status"], len(paid)) == ("completed", 3)
        assert sandbox.object("subscription", schedule.subscription)["status"] == "canceled"
        types = [event["type"] for event in sandbox.objects("event")]
        assert types.count("customer.subscription.deleted") == 1

    def test_iterations_are_of_the_past(self, sandbox, client):
        with pytest.raises(stripe.InvalidRequestError, match="iterations"):
            self.make(sandbox, client, iterations=3)

    def test_never_ending_by_default(self, sandbox, client):
        schedule = self.make(sandbox, client, duration={"interval": "month", "interval_count": 2})
        client.v1.subscription_schedules.update(schedule.id, {"end_behavior": "release"})

        sandbox.advance(timedelta(days=100))

        row = sandbox.object("subscription_schedule", schedule.id)
        assert row["status"] == "released"
        assert len(sandbox.objects("invoice")) == 4

    def test_a_missed_instalment_does_not_prolong_the_plan(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        subscription = sandbox.subscribe_in_instalments(customer, sandbox.create_price(), 3)
        sandbox.fail_next(sandbox.objects("payment_method")[0], times=1)
        missed = sandbox.renew(subscription)
        client.v1.invoices.update(missed["id"], {"auto_advance": False})

        sandbox.advance(timedelta(days=100))

        assert missed["status"] == "open"
        assert len(sandbox.objects("invoice")) == 3

    def test_dunning_that_ends_in_cancel_aborts_the_plan(self, sandbox):
        customer = sandbox.create_customer_with_card(behaviour=cards.declines("insufficient_funds"))
        subscription = sandbox.subscribe_in_instalments(customer, sandbox.create_price(), 3)
        sandbox.renew(subscription)

        sandbox.advance(timedelta(days=16))

        assert "subscription_schedule.aborted" in [
            event["type"] for event in sandbox.objects("event")
        ]


class TestListeners:
    def test_a_renewal_waits_for_a_deaf_listener_but_not_for_ever(self, sandbox):
        sandbox.set_waiting_for_listeners(True)
        sandbox.add_endpoint("http://localhost/deaf", events=["invoice.created"])
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )

        invoice = sandbox.renew(subscription)
        sandbox.advance(timedelta(hours=70))
        assert invoice["status"] == "draft"

        sandbox.advance(timedelta(hours=2))
        assert invoice["status"] == "paid"

    def test_once_told_it_goes_on(self, sandbox):
        sandbox.set_waiting_for_listeners(True)
        sandbox.add_endpoint("http://localhost/hook", events=["invoice.created"])
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        invoice = sandbox.renew(subscription)

        sandbox.deliver_to(lambda *_: 200).drain()
        sandbox.advance(timedelta(hours=1))

        assert invoice["status"] == "paid"
