"""The judge refuses wrong calls and remembers them."""

from datetime import timedelta

import pytest
import stripe

from apps.dunning import codes
from sandbox import Judge, cards, declines
from sandbox.billing import collection
from sandbox.errors import ApiError
from tests.sandbox.helpers import declined, failed_renewal, pay


def rules(sandbox):
    return [item.rule for item in sandbox.judge.violations]


def test_clean_work_is_clean(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=2))
    declined(client, invoice, "one")
    pay(client, invoice, "two")

    sandbox.judge.assert_clean()


def test_m1_a_second_collection_is_stopped(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
    pay(client, invoice)
    charge = sandbox.objects("charge")[-1]

    with pytest.raises(ApiError):
        sandbox.judge.on_collected(sandbox.books(), invoice, charge)

    assert rules(sandbox) == ["M1"]
    with pytest.raises(AssertionError, match="M1: second successful collection"):
        sandbox.judge.assert_clean()


def test_m2_a_pay_call_needs_a_committed_attempt_row(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
    sandbox.judge.attempt_exists = {"known"}.__contains__

    with pytest.raises(stripe.InvalidRequestError, match="M2"):
        pay(client, invoice, "unknown")
    assert invoice["status"] == "open"

    assert pay(client, invoice, "known").status == "paid"
    assert rules(sandbox) == ["M2"]


def test_m3_a_key_stripe_forgot_must_not_be_executed_again(sandbox, client):
    invoice = failed_renewal(sandbox)
    declined(client, invoice, "key")
    sandbox.advance(timedelta(hours=25))

    with pytest.raises(stripe.InvalidRequestError, match="executed twice"):
        pay(client, invoice, "key")

    assert rules(sandbox) == ["M6", "M3"]


def test_m6_a_key_is_dead_after_23_hours(sandbox, client):
    invoice = failed_renewal(sandbox)
    declined(client, invoice, "key")

    sandbox.advance(timedelta(hours=22, minutes=59))
    declined(client, invoice, "key")
    assert rules(sandbox) == []

    sandbox.advance(timedelta(minutes=2))
    declined(client, invoice, "key")
    assert rules(sandbox) == ["M6"]


def test_m7_the_card_budget_counts_every_engine(sandbox, client):
    sandbox.judge = Judge(budget=((2, 30 * 86_400),))
    invoice = failed_renewal(sandbox)
    declined(client, invoice, "one")
    with pytest.raises(stripe.InvalidRequestError, match="charge number 3 of card"):
        pay(client, invoice, "two")

    assert rules(sandbox) == ["M7"]
    assert len(sandbox.objects("charge")) == 3


class TestHardDeclines:
    def test_m8_the_same_card_is_not_charged_again(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("expired_card"))

        with pytest.raises(stripe.InvalidRequestError, match="M8"):
            pay(client, invoice)

        assert rules(sandbox) == ["M8"]

    def test_new_data_of_the_same_card_is_enough(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("expired_card"))
        method = sandbox.objects("payment_method")[0]

        sandbox.update_card(method, exp_year=2031)

        assert pay(client, invoice).status == "paid"
        sandbox.judge.assert_clean()

    def test_a_lost_card_needs_another_number(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("lost_card"))
        method = sandbox.objects("payment_method")[0]
        sandbox.update_card(method, exp_year=2031)
        with pytest.raises(stripe.InvalidRequestError, match="M8"):
            pay(client, invoice)

        sandbox.replace_card(invoice["customer"])

        assert pay(client, invoice).status == "paid"

    def test_an_advice_never_to_try_again_counts_too(self, sandbox, client):
        behaviour = cards.declines("do_not_honor", advice_code="do_not_try_again")
        invoice = failed_renewal(sandbox, behaviour)

        with pytest.raises(stripe.InvalidRequestError, match="M8"):
            pay(client, invoice)

    def test_the_customer_in_person_may_try(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("expired_card", times=1))

        assert pay(client, invoice, off_session=False).status == "paid"
        sandbox.judge.assert_clean()

    def test_without_refusing_it_only_remembers(self, sandbox, client):
        sandbox.judge.refuse = False
        invoice = failed_renewal(sandbox, cards.declines("expired_card"))

        declined(client, invoice)

        assert rules(sandbox) == ["M8"]


class TestClosedInvoices:
    def test_m10_what_was_closed_long_ago_could_have_been_known(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        sandbox.customer_pays(invoice)
        sandbox.advance(timedelta(minutes=2))

        with pytest.raises(stripe.InvalidRequestError) as caught:
            pay(client, invoice)

        assert caught.value.code == "invoice_already_paid"
        assert rules(sandbox) == ["M10"]

    def test_a_race_within_a_minute_is_nobodys_fault(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        sandbox.customer_pays(invoice)
        sandbox.advance(timedelta(seconds=30))

        with pytest.raises(stripe.InvalidRequestError):
            pay(client, invoice)

        sandbox.judge.assert_clean()


def test_m12_more_calls_a_second_than_allowed(sandbox, client):
    sandbox.judge = Judge(rate_limit=25, timer=lambda: 0.0)
    for _ in range(25):
        client.v1.customers.list()

    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()

    client.v1.invoices.list()
    assert rules(sandbox) == ["M12"]


def test_m14_a_live_key_does_not_open_test_objects(sandbox, http):
    invoice = failed_renewal(sandbox)
    sandbox.add_key("sk_live_0123456789abcdefghijklmn")
    live = stripe.StripeClient("sk_live_0123456789abcdefghijklmn", http_client=http)

    with pytest.raises(stripe.InvalidRequestError, match="similar object exists in test mode"):
        live.v1.invoices.retrieve(invoice["id"])

    assert rules(sandbox) == ["M14"]


def test_what_stripe_charges_itself_is_not_judged(sandbox):
    invoice = failed_renewal(sandbox, cards.declines("expired_card"))

    collection.collect(sandbox.books(), invoice, automatic=True)

    sandbox.judge.assert_clean()


class TestUnwantedCalls:
    def test_after_the_customer_canceled(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
        client.v1.subscriptions.cancel(invoice["_subscription"])
        sandbox.advance(timedelta(minutes=2))

        pay(client, invoice)

        assert rules(sandbox) == ["M10"]

    def test_after_dunning_itself_canceled_the_debt_may_be_collected(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        sandbox.advance(timedelta(days=20))
        sandbox.replace_card(invoice["customer"])

        assert pay(client, invoice).status == "paid"
        sandbox.judge.assert_clean()

    def test_while_3ds_is_open(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.needs_authentication())
        sandbox.advance(timedelta(hours=1))

        with pytest.raises(stripe.InvalidRequestError):
            pay(client, invoice)

        assert rules(sandbox) == ["M8"]

    def test_a_deleted_customer_cannot_be_charged(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        client.v1.customers.delete(invoice["customer"])

        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            pay(client, invoice)


@pytest.mark.parametrize("kind", ["card", "direct_debit"])
def test_its_hard_codes_are_those_of_the_products_table(kind):
    table = {row.code: row for row in codes.all_rows() if row.kind == kind}
    ours = declines.HARD if kind == "card" else declines.HARD_DEBITS

    # A bank's own return codes (R02, AC01) never reach the API under these names.
    theirs = {code for code, row in table.items() if row.hard and code == code.lower()}
    assert ours == theirs
    if kind == "card":
        another = {code for code, row in table.items() if row.needs_another_card}
        assert another == declines.NEEDS_OTHER_CARD


def test_a_charge_within_an_hour_of_stripes_own_try_is_noted(sandbox):
    books = sandbox.books()
    invoice = {
        "id": "in_1",
        "customer": "cus_1",
        "auto_advance": True,
        "next_payment_attempt": books.now + 1800,
    }

    sandbox.judge.on_open(books, invoice)
    sandbox.judge.on_open(books, {**invoice, "next_payment_attempt": books.now + 7200})
    sandbox.judge.on_open(books, {**invoice, "auto_advance": False})

    assert [one.rule for one in sandbox.judge.violations] == ["G1"]


def test_two_invoices_of_a_customer_within_a_minute_are_noted(sandbox):
    books = sandbox.books()
    first = {"id": "in_1", "customer": "cus_1", "next_payment_attempt": None}

    sandbox.judge.on_open(books, first)
    sandbox.judge.on_open(books, first)
    assert not sandbox.judge.violations
    sandbox.judge.on_open(books, {**first, "id": "in_2"})

    assert [one.rule for one in sandbox.judge.violations] == ["M12"]
