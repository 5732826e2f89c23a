"""Kinds of payment: declines by card, 3DS, bank debits, India, other currencies."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from sandbox import cards
from tests.sandbox.helpers import declined, failed_renewal, pay


def types_since(sandbox, count):
    return [event["type"] for event in sandbox.objects("event")[count:]]


class TestDeclines:
    @pytest.mark.parametrize(
        ("reason", "code", "decline_code", "advice"),
        [
            ("insufficient_funds", "card_declined", "insufficient_funds", "try_again_later"),
            ("expired_card", "expired_card", "expired_card", "confirm_card_data"),
            ("lost_card", "card_declined", "lost_card", "do_not_try_again"),
            ("fraudulent", "card_declined", "fraudulent", None),
            ("a_code_of_tomorrow", "card_declined", "a_code_of_tomorrow", None),
        ],
    )
    def test_a_402_carries_every_layer(self, sandbox, client, reason, code, decline_code, advice):
        sandbox.judge.refuse = False
        invoice = failed_renewal(sandbox, cards.declines(reason))

        caught = declined(client, invoice)

        assert (caught.http_status, caught.code) == (402, code)
        error = caught.json_body["error"]
        assert error["decline_code"] == decline_code
        assert error.get("advice_code") == advice
        assert error["type"] == "card_error"
        assert error["payment_method"]["object"] == "payment_method"
        assert error["payment_intent"]["last_payment_error"]["charge"] == error["charge"]
        assert caught.headers["Stripe-Should-Retry"] == "false"

    def test_a_charge_holds_the_outer_code_and_the_reason_in_its_outcome(self, sandbox):
        invoice = failed_renewal(sandbox, cards.declines("do_not_honor", network_advice_code="03"))

        charge = sandbox.object("charge", invoice["_charge"])

        assert charge["failure_code"] == "card_declined"
        assert charge["outcome"]["reason"] == "do_not_honor"
        assert charge["outcome"]["network_advice_code"] == "03"
        assert charge["outcome"]["network_status"] == "declined_by_network"

    def test_a_block_never_reaches_the_bank(self, sandbox):
        invoice = failed_renewal(sandbox, cards.declines("previously_declined_do_not_retry"))

        outcome = sandbox.object("charge", invoice["_charge"])["outcome"]

        assert (outcome["type"], outcome["network_status"]) == ("blocked", "not_sent_to_network")

    def test_until_a_date(self, sandbox, client):
        until = datetime(2026, 2, 9, tzinfo=UTC)
        invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", until=until))
        declined(client, invoice)

        sandbox.run_until(until)

        assert pay(client, invoice).status == "paid"

    def test_until_payday(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines_until_payday())
        sandbox.run_until(datetime(2026, 2, 13, tzinfo=UTC))
        declined(client, invoice)

        sandbox.run_until(datetime(2026, 2, 15, 7, tzinfo=UTC))

        assert pay(client, invoice).status == "paid"

    def test_a_card_expires_with_its_month(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        method = sandbox.objects("payment_method")[0]
        method["card"].update(exp_month=1, exp_year=2026)
        subscription = sandbox.subscribe(customer, sandbox.create_price())

        invoice = sandbox.renew(subscription)

        assert sandbox.object("charge", invoice["_charge"])["failure_code"] == "expired_card"

    def test_the_network_updates_a_replaced_card(self, sandbox):
        invoice = failed_renewal(sandbox, cards.updated_by_network())
        before = dict(sandbox.objects("payment_method")[0]["card"])

        sandbox.advance(timedelta(days=1, minutes=1))

        method = sandbox.objects("payment_method")[0]
        assert method["card"]["fingerprint"] != before["fingerprint"]
        assert "payment_method.automatically_updated" in types_since(sandbox, 0)
        sandbox.advance(timedelta(days=3))
        assert invoice["status"] == "paid"


class TestMethodOrder:
    def test_the_subscriptions_own_card_wins_over_the_customers(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        broken = sandbox.objects("payment_method")[0]
        client.v1.subscriptions.update(
            invoice["_subscription"], {"default_payment_method": broken["id"]}
        )

        sandbox.replace_card(invoice["customer"], where="customer")
        declined(client, invoice)
        sandbox.replace_card(invoice["customer"], where="subscription")

        assert pay(client, invoice).status == "paid"

    def test_a_default_source_is_the_last_resort(self, sandbox, client):
        customer = sandbox.create_customer()
        card = sandbox.create_card(customer)
        customer["default_source"] = card["id"]
        subscription = sandbox.subscribe(customer, sandbox.create_price())

        assert subscription["status"] == "active"
        charge = sandbox.objects("charge")[0]
        assert charge["payment_method"] == card["id"]

    def test_a_method_may_be_named_for_one_payment(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        backup = sandbox.create_card(invoice["customer"], behaviour=[])

        assert pay(client, invoice, payment_method=backup["id"]).status == "paid"
        customer = sandbox.object("customer", invoice["customer"])
        assert customer["invoice_settings"]["default_payment_method"] != backup["id"]

    def test_somebody_elses_method_is_refused(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        stranger = sandbox.create_card(sandbox.create_customer(), behaviour=[])

        with pytest.raises(stripe.InvalidRequestError, match="another Customer"):
            pay(client, invoice, payment_method=stranger["id"])

    def test_nothing_to_charge_is_a_400_and_no_try(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        method = sandbox.objects("payment_method")[0]
        client.v1.payment_methods.detach(method["id"])
        charges = len(sandbox.objects("charge"))

        with pytest.raises(stripe.InvalidRequestError) as caught:
            pay(client, invoice)

        assert caught.value.code == "missing"
        assert len(sandbox.objects("charge")) == charges


class TestCurrencies:
    @pytest.mark.parametrize(
        ("currency", "amount"), [("jpy", 1_500), ("kwd", 12_340), ("isk", 500)]
    )
    def test_amounts_stay_in_the_smallest_unit(self, sandbox, client, currency, amount):
        price = client.v1.prices.create(
            {
                "currency": currency,
                "unit_amount": amount,
                "recurring": {"interval": "month"},
                "product_data": {"name": "Course"},
            }
        )
        customer = sandbox.create_customer_with_card()
        sandbox.subscribe(customer, price.id)

        charge = sandbox.objects("charge")[0]

        assert (charge["amount"], charge["currency"]) == (amount, currency)

    @pytest.mark.parametrize(("currency", "amount"), [("kwd", 12_345), ("isk", 550), ("ugx", 1)])
    def test_some_currencies_want_round_amounts(self, client, currency, amount):
        with pytest.raises(stripe.InvalidRequestError, match="multiple"):
            client.v1.prices.create(
                {"currency": currency, "unit_amount": amount, "product_data": {"name": "Course"}}
            )


class TestTestCards:
    @pytest.mark.parametrize(
        ("token", "code"),
        [
            ("pm_card_visa_chargeDeclined", "card_declined"),
            ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
            ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ],
    )
    def test_declining_cards_cannot_be_attached(self, sandbox, client, token, code):
        customer = sandbox.create_customer()

        with pytest.raises(stripe.CardError) as caught:
            client.v1.payment_methods.attach(token, {"customer": customer["id"]})

        assert caught.value.code == code

    def test_0341_attaches_and_declines_later(self, sandbox, client):
        customer = sandbox.create_customer()
        method = client.v1.payment_methods.attach(
            "pm_card_chargeCustomerFail", {"customer": customer["id"]}
        )

        subscription = client.v1.subscriptions.create(
            {
                "customer": customer["id"],
                "items": [{"price": sandbox.create_price()["id"]}],
                "default_payment_method": method.id,
            }
        )

        assert subscription.status == "incomplete"

    def test_numbers_work_too(self, client):
        method = client.v1.payment_methods.create(
            {
                "type": "card",
                "card": {"number": "5555555555554444", "exp_month": 4, "exp_year": 2030},
            }
        )

        assert (method.card.brand, method.card.exp_year) == ("mastercard", 2030)

    def test_the_same_number_is_the_same_card(self, client):
        first, second = (
            client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
            for _ in range(2)
        )

        assert first.id != second.id
        assert first.card.fingerprint == second.card.fingerprint


class TestParts:
    def test_only_what_remains_is_charged(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
        sandbox.customer_pays_part(invoice, 10_000)
        assert (invoice["status"], invoice["amount_remaining"]) == ("open", 4_900)

        pay(client, invoice)

        read = client.v1.invoices.retrieve(invoice["id"], {"expand": ["payments"]})
        assert (read.status, read.amount_paid) == ("paid", 14_900)
        assert sandbox.objects("charge")[-1]["amount"] == 4_900
        assert sorted(
            (payment.amount_paid, payment.is_default) for payment in read.payments.data
        ) == [(4_900, True), (10_000, False)]
        sandbox.judge.assert_clean()
