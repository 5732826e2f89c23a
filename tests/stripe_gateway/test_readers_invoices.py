"""Invoices in both shapes become the same facts."""

import datetime as dt
from dataclasses import replace

import pytest

from apps.dunning.money import Money
from apps.stripe_gateway.errors import UnreadableAnswer
from apps.stripe_gateway.readers.invoices import invoice_facts, names_wanted
from tests.stripe_gateway import shapes

NAMES = {"prod_1": "Gold"}


def test_both_shapes_become_the_same_facts():
    new = invoice_facts(shapes.invoice(), charges=[shapes.charge()], product_names=NAMES)
    old = invoice_facts(shapes.old_invoice(), product_names=NAMES)

    assert old == new


def test_a_failed_renewal_is_read_whole():
    facts = invoice_facts(shapes.invoice(), charges=[shapes.charge()], product_names=NAMES)

    assert facts.subscription_id == "sub_1"
    assert facts.customer_id == "cus_1"
    assert facts.offer_name == "Gold"
    assert facts.amount_due == Money(14900, "usd")
    assert facts.attempt_count == 1
    assert facts.next_payment_attempt == dt.datetime.fromtimestamp(
        shapes.FAILED_AT + 3 * 86400, dt.UTC
    )
    (tried,) = facts.tries
    assert tried.status == "failed"
    assert tried.decline is not None
    assert tried.decline.reason == "insufficient_funds"
    assert tried.decline.network_advice_code == "03"
    assert tried.method is not None
    assert tried.method.fingerprint == "fp_1"
    assert facts.customer is not None
    assert facts.customer.country == "CA"


def test_an_event_without_payments_reads_without_tries():
    bare = {
        name: value
        for name, value in shapes.invoice(customer="cus_1").items()
        if name not in ("payments", "parent")
    }

    facts = invoice_facts(bare)

    assert facts.tries == ()
    assert facts.method is None
    assert facts.subscription_id == ""


@pytest.mark.parametrize("answer", [{}, {"object": "invoice"}, {"id": None}])
def test_an_answer_that_is_no_invoice_is_named_so(answer):
    with pytest.raises(UnreadableAnswer):
        invoice_facts(answer)


@pytest.mark.parametrize("left_out", sorted(shapes.invoice().keys() - {"id"}))
def test_no_absent_key_crashes(left_out):
    answer = shapes.invoice()
    del answer[left_out]

    assert invoice_facts(answer).id == "in_1"


@pytest.mark.parametrize("nulled", sorted(shapes.invoice().keys() - {"id"}))
def test_no_null_crashes(nulled):
    assert invoice_facts(shapes.invoice(**{nulled: None})).id == "in_1"


class TestTries:
    def test_every_charge_once_and_oldest_first(self):
        charges = [
            shapes.charge("ch_new", created=shapes.FAILED_AT + 60),
            shapes.charge("ch_old", created=shapes.FAILED_AT),
        ]
        answer = shapes.invoice(
            payments={"data": [shapes.payment(shapes.intent(latest_charge=charges[0]))]}
        )

        facts = invoice_facts(answer, charges=charges)

        assert [one.charge_id for one in facts.tries] == ["ch_old", "ch_new"]

    def test_a_charge_takes_what_it_lacks_from_the_intents_error(self):
        bare = shapes.charge(outcome=None)

        (tried,) = invoice_facts(shapes.invoice(), charges=[bare]).tries

        assert tried.decline is not None
        assert tried.decline.decline_code == "insufficient_funds"

    def test_an_error_about_another_charge_is_left_alone(self):
        other = shapes.charge("ch_other", outcome=None)

        (tried,) = invoice_facts(shapes.invoice(), charges=[other]).tries

        assert tried.decline is not None
        assert tried.decline.decline_code == ""

    def test_a_charge_stripe_blocked_never_reached_the_network(self):
        blocked = shapes.charge(
            outcome={"type": "blocked", "network_status": "not_sent_to_network"}
        )

        (tried,) = invoice_facts(shapes.invoice(), charges=[blocked]).tries

        assert not tried.reached_network

    def test_a_pay_answer_names_the_charge_by_id_and_the_card_by_the_default(self):
        facts = invoice_facts(shapes.paid_invoice())

        (tried,) = facts.tries
        assert (tried.charge_id, tried.status) == ("ch_2", "succeeded")
        assert tried.at == facts.paid_at
        assert tried.method is not None
        assert tried.method.fingerprint == "fp_1"

    def test_a_canceled_payment_is_no_try(self):
        canceled = shapes.payment(status="canceled")

        facts = invoice_facts(shapes.invoice(payments={"data": [canceled]}))

        assert facts.tries == ()


class TestState:
    def test_a_bank_debit_under_way(self):
        under_way = shapes.payment(shapes.intent(status="processing", last_payment_error=None))

        facts = invoice_facts(shapes.invoice(payments={"data": [under_way]}))

        assert facts.processing
        assert not facts.requires_action

    def test_the_customer_must_confirm(self):
        waiting = shapes.payment(shapes.intent(status="requires_action"))

        facts = invoice_facts(shapes.invoice(payments={"data": [waiting]}))

        assert facts.requires_action

    def test_a_paid_invoice_waits_for_nobody(self):
        waiting = shapes.payment(shapes.intent(status="requires_action"))

        facts = invoice_facts(shapes.paid_invoice(payments={"data": [waiting]}))

        assert not facts.requires_action


class TestPaidElsewhere:
    def test_paid_by_a_charge_is_not(self):
        assert not invoice_facts(shapes.paid_invoice()).paid_out_of_band

    def test_the_old_flag(self):
        assert invoice_facts(shapes.old_invoice(paid_out_of_band=True)).paid_out_of_band

    def test_only_a_canceled_intent_paid_nothing(self):
        left = shapes.payment(shapes.intent(status="canceled"), status="canceled")

        facts = invoice_facts(shapes.paid_invoice(payments={"data": [left]}))

        assert facts.paid_out_of_band

    def test_a_payment_record_is_money_from_elsewhere(self):
        record = shapes.payment(status="paid", payment={"type": "payment_record"})

        assert invoice_facts(shapes.paid_invoice(payments={"data": [record]})).paid_out_of_band

    @pytest.mark.parametrize(("attempted", "elsewhere"), [(False, True), (True, False)])
    def test_without_payments_only_the_attempt_tells(self, attempted, elsewhere):
        answer = shapes.paid_invoice(payments=None, attempted=attempted)

        assert invoice_facts(answer).paid_out_of_band is elsewhere

    def test_nothing_owed_is_not_paid_elsewhere(self):
        free = shapes.paid_invoice(amount_due=0, amount_paid=0, payments={"data": []})

        assert not invoice_facts(free).paid_out_of_band


class TestMethod:
    def test_the_order_of_stripe(self):
        places = {
            "invoice.default_payment_method": "pm_invoice",
            "subscription.default_payment_method": "pm_sub",
            "subscription.default_source": "card_sub",
            "customer.invoice_settings.default_payment_method": "pm_customer",
            "customer.default_source": "card_customer",
        }
        found = []

        while places:
            facts = invoice_facts(_invoice_with(places))
            assert facts.method is not None
            found.append((facts.method_field, facts.method.reference))
            del places[facts.method_field]

        assert found == [
            ("invoice.default_payment_method", "pm_invoice"),
            ("subscription.default_payment_method", "pm_sub"),
            ("subscription.default_source", "card_sub"),
            ("customer.invoice_settings.default_payment_method", "pm_customer"),
            ("customer.default_source", "card_customer"),
        ]

    def test_nothing_on_file(self):
        facts = invoice_facts(_invoice_with({}))

        assert facts.method is None
        assert facts.method_field == ""

    def test_an_id_alone_borrows_what_a_charge_showed(self):
        answer = _invoice_with({"customer.default_source": "pm_1"})

        facts = invoice_facts(answer, charges=[shapes.charge()])

        assert facts.method is not None
        assert facts.method.last4 == "4242"


class TestOffer:
    def test_the_description_stands_in_for_an_unknown_product(self):
        assert invoice_facts(shapes.invoice()).offer_name == "Gold Membership"

    def test_the_line_that_was_bought_wins_over_prorations(self):
        lines = [
            shapes.line(
                amount=99999,
                description="Remaining time on Silver",
                parent={"subscription_item_details": {"proration": True}},
            ),
            shapes.line(amount=100, description="Gold"),
        ]

        assert invoice_facts(shapes.invoice(lines={"data": lines})).offer_name == "Gold"

    def test_names_are_asked_for_once_each(self):
        assert names_wanted(shapes.invoice()) == ("prod_1",)

    def test_a_one_off_invoice_has_its_own_product(self):
        facts = invoice_facts(shapes.invoice(parent=None), product_names=NAMES)

        assert facts.subscription_id == ""
        assert facts.subscription is None
        assert facts.offer_name == "Gold"


@pytest.mark.parametrize("currency", ["jpy", "kwd", "isk", "zzz"])
def test_amounts_keep_the_smallest_unit(currency):
    facts = invoice_facts(shapes.invoice(currency=currency, amount_due=5000))

    assert facts.amount_due == Money(5000, currency)


def test_odd_text_survives():
    name = '=HYPERLINK("x"),\n"Zoë" 李 שלום' + "x" * 255

    facts = invoice_facts(shapes.invoice(customer=shapes.customer(name=name, email=None)))

    assert facts.customer is not None
    assert replace(facts.customer, name=name, email="") == facts.customer


def test_a_deleted_customer_is_read_as_one():
    gone = {"id": "cus_1", "object": "customer", "deleted": True}

    facts = invoice_facts(shapes.invoice(customer=gone))

    assert facts.customer is not None
    assert facts.customer.is_deleted


def _invoice_with(places: dict[str, str]) -> shapes.Obj:
    sub = shapes.subscription(
        default_payment_method=places.get("subscription.default_payment_method"),
        default_source=places.get("subscription.default_source"),
    )
    payer = shapes.customer(
        default_source=places.get("customer.default_source"),
        invoice_settings={
            "default_payment_method": places.get("customer.invoice_settings.default_payment_method")
        },
    )
    return shapes.invoice(
        default_payment_method=places.get("invoice.default_payment_method"),
        customer=payer,
        parent={"subscription_details": {"subscription": sub}},
        payments={"data": []},
    )
