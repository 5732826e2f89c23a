"""Charges, customers, methods and subscriptions, in every shape they come in."""

import datetime as dt

import pytest

from apps.dunning.facts import Method
from apps.dunning.money import Money
from apps.stripe_gateway.readers import (
    charge_facts,
    customer_facts,
    decline_of_error,
    method_from,
    subscription_facts,
    try_of_error,
)
from apps.stripe_gateway.readers.common import moment
from tests.stripe_gateway import shapes

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)


def _at(year: int, month: int, day: int) -> int:
    return int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp())


class TestCharges:
    def test_a_decline_carries_every_code(self):
        decline = charge_facts(shapes.charge()).tried.decline

        assert decline is not None
        assert decline.code == "card_declined"
        assert decline.decline_code == "insufficient_funds"
        assert decline.advice_code == "try_again_later"
        assert decline.network_advice_code == "03"
        assert decline.network_decline_code == "51"
        assert decline.outcome_type == "issuer_declined"

    def test_a_good_charge_has_no_decline(self):
        tried = charge_facts(shapes.paid_charge(amount_refunded=500, disputed=True)).tried

        assert tried.decline is None
        assert tried.refunded_minor == 500
        assert tried.disputed

    @pytest.mark.parametrize(
        "named",
        [{"invoice": "in_9"}, {"payment_details": {"order_reference": "in_9"}}],
    )
    def test_the_invoice_a_charge_names(self, named):
        assert charge_facts(shapes.charge(**named)).invoice_id == "in_9"

    def test_another_order_reference_is_no_invoice(self):
        answer = shapes.charge(payment_details={"order_reference": "order 12"})

        assert charge_facts(answer).invoice_id == ""

    def test_an_old_charge_shows_its_source(self):
        source = {"id": "card_1", "object": "card", "brand": "American Express", "last4": "0005"}
        answer = shapes.charge(payment_method_details=None, payment_method=None, source=source)

        method = charge_facts(answer).tried.method

        assert method == Method("card_1", brand="amex", last4="0005")

    @pytest.mark.parametrize("left_out", sorted(shapes.charge().keys() - {"id"}))
    def test_no_absent_key_crashes(self, left_out):
        answer = shapes.charge()
        del answer[left_out]

        assert charge_facts(answer).tried.charge_id == "ch_1"


class TestErrors:
    def test_an_outer_code_alone_is_kept(self):
        assert decline_of_error({"code": "expired_card"}).reason == "expired_card"

    def test_a_402_is_a_try(self):
        tried = try_of_error(shapes.error(payment_intent=shapes.intent()), at=NOW)

        assert tried is not None
        assert (tried.charge_id, tried.payment_intent_id) == ("ch_1", "pi_1")
        assert tried.amount == Money(14900, "usd")
        assert tried.at == NOW

    def test_a_402_without_a_charge_is_none(self):
        assert try_of_error(shapes.error(charge=None), at=NOW) is None


class TestMethods:
    def test_a_card(self):
        assert method_from(shapes.card()) == Method(
            "pm_1",
            type="card",
            brand="visa",
            last4="4242",
            fingerprint="fp_1",
            funding="credit",
            country="US",
            exp_month=12,
            exp_year=2027,
        )

    def test_a_bank_debit(self):
        answer = {
            "id": "pm_2",
            "object": "payment_method",
            "type": "us_bank_account",
            "us_bank_account": {"bank_name": "STRIPE BANK", "last4": "6789", "fingerprint": "fb"},
        }

        assert method_from(answer) == Method(
            "pm_2", type="us_bank_account", brand="STRIPE BANK", last4="6789", fingerprint="fb"
        )

    @pytest.mark.parametrize("answer", [None, "pm_1", {}, {"type": "card"}])
    def test_no_object_is_no_method(self, answer):
        assert method_from(answer) is None


class TestCustomers:
    def test_the_own_address_comes_first(self):
        address = {"country": "DE", "state": "", "postal_code": "10115"}

        assert customer_facts(shapes.customer(address=address)).country == "DE"

    def test_else_the_cards_billing_address(self):
        facts = customer_facts(shapes.customer())

        assert (facts.country, facts.state) == ("CA", "BC")

    def test_an_unexpanded_default_is_an_id(self):
        facts = customer_facts(shapes.customer(invoice_settings={"default_payment_method": "pm_9"}))

        assert facts.default_method_id == "pm_9"
        assert facts.default_method is None


class TestSubscriptions:
    def test_a_subscription(self):
        facts = subscription_facts(shapes.subscription(), product_names={"prod_1": "Gold"})

        assert facts.offer_name == "Gold"
        assert facts.amount == Money(14900, "usd")
        assert (facts.interval, facts.interval_count) == ("month", 1)
        assert facts.current_period_end == dt.datetime.fromtimestamp(
            shapes.FAILED_AT + 30 * 86400, dt.UTC
        )

    def test_the_period_end_on_top_of_the_old_shape(self):
        old = shapes.subscription(current_period_end=shapes.FAILED_AT, items=None, plan=_plan())

        facts = subscription_facts(old)

        assert facts.current_period_end == dt.datetime.fromtimestamp(shapes.FAILED_AT, dt.UTC)
        assert (facts.amount, facts.interval) == (Money(2000, "usd"), "year")

    def test_the_next_payment_is_the_earliest_of_the_items(self):
        items = [shapes.item(current_period_end=2_000), shapes.item(current_period_end=1_000)]

        facts = subscription_facts(shapes.subscription(items={"data": items}))

        assert facts.current_period_end == dt.datetime.fromtimestamp(1_000, dt.UTC)

    def test_all_items_add_up_and_parts_of_a_cent_round_last(self):
        exact = shapes.price(unit_amount=None, unit_amount_decimal="0.5")
        items = [shapes.item(quantity=3), shapes.item(price=exact, quantity=5)]

        facts = subscription_facts(shapes.subscription(items={"data": items}))

        assert facts.amount == Money(3 * 14900 + 3, "usd")

    @pytest.mark.parametrize("left_out", sorted(shapes.subscription().keys() - {"id"}))
    def test_no_absent_key_crashes(self, left_out):
        answer = shapes.subscription()
        del answer[left_out]

        assert subscription_facts(answer).id == "sub_1"


class TestPaymentPlans:
    @pytest.mark.parametrize(
        ("phase", "total"),
        [
            ({"start_date": _at(2026, 1, 31), "end_date": _at(2026, 7, 31)}, 6),
            ({"start_date": _at(2026, 1, 31), "end_date": _at(2026, 2, 28)}, 1),
            ({"iterations": 4}, 4),
        ],
    )
    def test_the_periods_of_a_schedule_that_cancels_are_instalments(self, phase, total):
        schedule = {"id": "sub_sched_1", "end_behavior": "cancel", "phases": [phase]}

        facts = subscription_facts(shapes.subscription(schedule=schedule))

        assert facts.schedule_id == "sub_sched_1"
        assert facts.installments_total == total

    def test_a_schedule_that_goes_on_is_no_plan(self):
        schedule = {"id": "s", "end_behavior": "release", "phases": [{"iterations": 4}]}

        facts = subscription_facts(shapes.subscription(schedule=schedule))

        assert facts.installments_total is None


class TestMoments:
    @pytest.mark.parametrize("value", [None, "soon", True, 10**18, {}])
    def test_nonsense_is_no_time(self, value):
        assert moment({"at": value}, "at") is None

    def test_iso_text_of_newer_objects(self):
        assert moment({"at": "2026-11-20T09:00:00.000Z"}, "at") == NOW


def _plan() -> shapes.Obj:
    return {"object": "plan", "product": "prod_1", "amount": 2000, "interval": "year"}
