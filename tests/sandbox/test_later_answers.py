"""Payments that are not decided by the call: 3DS, bank debits, Indian cards."""

from datetime import timedelta

import pytest
import stripe

from sandbox import cards
from tests.sandbox.helpers import declined, failed_renewal, pay


def types_since(sandbox, count):
    return [event["type"] for event in sandbox.objects("event")[count:]]


class TestAuthentication:
    def test_off_session_the_customer_is_wanted(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.needs_authentication())

        with pytest.raises(stripe.InvalidRequestError) as caught:
            pay(client, invoice)

        assert caught.value.code == "invoice_payment_intent_requires_action"
        types = types_since(sandbox, 0)
        assert "payment_intent.requires_action" in types
        assert "invoice.payment_action_required" in types
        assert "charge.failed" not in types

    def test_the_bank_may_decline_instead(self, sandbox, client):
        sandbox.judge.refuse = False
        invoice = failed_renewal(sandbox, cards.needs_authentication(as_decline=True))

        assert declined(client, invoice).code == "authentication_required"

    def test_the_customers_yes_pays(self, sandbox):
        invoice = failed_renewal(sandbox, cards.needs_authentication())

        sandbox.complete_authentication(invoice)

        assert invoice["status"] == "paid"

    def test_the_customers_no_does_not(self, sandbox):
        invoice = failed_renewal(sandbox, cards.needs_authentication())

        sandbox.complete_authentication(invoice, succeeds=False)

        intent = sandbox.object("payment_intent", invoice["_payment_intent"])
        assert invoice["status"] == "open"
        assert intent["status"] == "requires_payment_method"

    def test_stripe_does_not_charge_by_itself_until_then(self, sandbox):
        invoice = failed_renewal(sandbox, cards.needs_authentication())

        sandbox.advance(timedelta(days=5))

        assert invoice["attempt_count"] > 1
        assert types_since(sandbox, 0).count("invoice.payment_action_required") == 1


class TestBankDebits:
    @pytest.fixture
    def debtor(self, sandbox, client):
        def make(behaviour=None):
            customer = sandbox.create_customer(name="Debbie")
            method = sandbox.create_bank_account(customer, behaviour=cards.pays())
            client.v1.customers.update(
                customer["id"], {"invoice_settings": {"default_payment_method": method["id"]}}
            )
            subscription = sandbox.subscribe(customer, sandbox.create_price(2_000))
            sandbox.advance(timedelta(days=5))
            sandbox.set_behaviour(method, behaviour or cards.settles_later())
            return sandbox.renew(subscription)

        return make

    def test_the_answer_comes_days_later(self, sandbox, debtor):
        invoice = debtor()
        intent = sandbox.object("payment_intent", invoice["_payment_intent"])
        assert (invoice["status"], intent["status"]) == ("open", "processing")
        assert invoice["next_payment_attempt"] is None

        sandbox.advance(timedelta(days=4))

        assert invoice["status"] == "paid"
        assert "payment_intent.processing" in types_since(sandbox, 0)

    def test_a_pay_call_while_it_is_processing_is_refused(self, client, debtor):
        invoice = debtor()

        with pytest.raises(stripe.InvalidRequestError, match="still processing"):
            pay(client, invoice)

    def test_a_pay_call_answers_200_open(self, sandbox, client, debtor):
        invoice = debtor(cards.settles_later(reason="insufficient_funds", times=1))
        sandbox.advance(timedelta(days=4, minutes=1))
        assert sandbox.object("charge", invoice["_charge"])["failure_code"] == "insufficient_funds"

        answer = pay(client, invoice)
        assert answer.status == "open"
        sandbox.advance(timedelta(days=4, minutes=1))

        assert invoice["status"] == "paid"

    def test_stripe_retries_only_for_lack_of_funds(self, sandbox, debtor):
        closed = debtor(cards.settles_later(reason="account_closed"))
        sandbox.advance(timedelta(days=4, minutes=1))
        assert closed["next_payment_attempt"] is None

        poor = debtor(cards.settles_later(reason="insufficient_funds"))
        sandbox.advance(timedelta(days=4, minutes=1))
        assert poor["next_payment_attempt"] is not None

    def test_the_money_may_go_back_long_after(self, sandbox, debtor):
        invoice = debtor()
        sandbox.advance(timedelta(days=10))

        sandbox.dispute(invoice["_charge"], reason="debit_not_authorized")

        assert invoice["status"] == "paid"
        assert "charge.dispute.created" in types_since(sandbox, 0)

    @pytest.mark.parametrize(
        ("number", "outcome"),
        [("000123456789", None), ("000222222227", "insufficient_funds")],
    )
    def test_stripes_test_accounts(self, sandbox, client, number, outcome):
        customer = sandbox.create_customer()
        method = client.v1.payment_methods.create(
            {
                "type": "us_bank_account",
                "us_bank_account": {"account_number": number, "routing_number": "110000000"},
                "billing_details": {"name": "Ada"},
            }
        )
        client.v1.payment_methods.attach(method.id, {"customer": customer["id"]})
        client.v1.subscriptions.create(
            {
                "customer": customer["id"],
                "items": [{"price": sandbox.create_price()["id"]}],
                "default_payment_method": method.id,
            }
        )

        sandbox.advance(timedelta(days=5))

        assert sandbox.objects("charge")[0]["failure_code"] == outcome


class TestIndia:
    @pytest.fixture
    def invoice(self, sandbox):
        def make(amount, behaviour=None):
            customer = sandbox.create_customer_with_card(number="4000003560000008")
            price = sandbox.create_price(amount, "inr")
            subscription = sandbox.subscribe(customer, price)
            sandbox.advance(timedelta(days=2))
            method = sandbox.objects("payment_method")[0]
            sandbox.set_behaviour(method, behaviour or cards.pays())
            return sandbox.renew(subscription)

        return make

    def test_the_charge_waits_26_hours(self, sandbox, invoice):
        renewal = invoice(99_900)
        intent = sandbox.object("payment_intent", renewal["_payment_intent"])
        assert intent["status"] == "processing"

        sandbox.advance(timedelta(hours=26))

        assert renewal["status"] == "paid"

    def test_stripe_never_retries(self, sandbox, invoice):
        renewal = invoice(99_900, cards.declines("insufficient_funds"))

        sandbox.advance(timedelta(hours=26))

        assert renewal["status"] == "open"
        assert renewal["next_payment_attempt"] is None

    def test_above_15000_rupees_the_customer_is_wanted(self, sandbox, invoice):
        renewal = invoice(20_000_00)

        intent = sandbox.object("payment_intent", renewal["_payment_intent"])
        assert intent["status"] == "requires_action"
