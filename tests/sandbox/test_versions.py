"""The same invoice in today's shape and in the one before basil."""

from datetime import timedelta

import pytest
import stripe

from tests.sandbox.helpers import Inbox, failed_renewal, pay

OLD = {"stripe_version": "2025-02-24.acacia"}


@pytest.fixture
def invoice(sandbox):
    return failed_renewal(sandbox, default_payment_method=None)


def test_an_invoice_has_its_old_joins_only_in_the_old_shape(client, invoice):
    old = client.v1.invoices.retrieve(invoice["id"], options=OLD).to_dict()
    new = client.v1.invoices.retrieve(invoice["id"]).to_dict()

    assert (old["charge"], old["payment_intent"]) == (
        invoice["_charge"],
        invoice["_payment_intent"],
    )
    assert old["subscription"] == invoice["_subscription"]
    assert (old["paid"], old["paid_out_of_band"]) == (False, False)
    assert "parent" not in old
    assert {"charge", "payment_intent", "subscription", "paid", "payments"}.isdisjoint(new)
    assert new["parent"]["subscription_details"]["subscription"] == invoice["_subscription"]


def test_both_shapes_are_read_with_one_call(client, invoice):
    old = client.v1.invoices.retrieve(
        invoice["id"],
        {"expand": ["payment_intent.latest_charge", "subscription", "charge"]},
        OLD,
    ).to_dict()
    new = client.v1.invoices.retrieve(
        invoice["id"], {"expand": ["payments.data.payment.payment_intent"]}
    ).to_dict()

    assert old["payment_intent"]["latest_charge"]["failure_code"] == "card_declined"
    assert old["charge"]["invoice"] == invoice["id"]
    assert old["subscription"]["current_period_end"] > old["created"]
    intent = new["payments"]["data"][0]["payment"]["payment_intent"]
    assert intent["last_payment_error"]["decline_code"] == "insufficient_funds"
    assert intent["payment_details"]["order_reference"] == invoice["id"]


def test_payments_lead_from_an_intent_to_its_invoice(client, invoice):
    found = client.v1.invoice_payments.list(
        {
            "payment": {"type": "payment_intent", "payment_intent": invoice["_payment_intent"]},
            "expand": ["data.payment.payment_intent.latest_charge", "data.invoice"],
        }
    ).to_dict()["data"]

    assert [item["invoice"]["id"] for item in found] == [invoice["id"]]
    outcome = found[0]["payment"]["payment_intent"]["latest_charge"]["outcome"]
    assert outcome["reason"] == "insufficient_funds"


def test_a_subscriptions_period_moved_to_its_items(sandbox, client, invoice):
    old = client.v1.subscriptions.retrieve(invoice["_subscription"], options=OLD).to_dict()
    new = client.v1.subscriptions.retrieve(invoice["_subscription"]).to_dict()

    assert "current_period_end" not in new
    assert new["items"]["data"][0]["current_period_end"] == old["current_period_end"]
    assert "current_period_end" not in old["items"]["data"][0]


def test_an_event_is_rendered_in_the_version_of_its_endpoint(sandbox, client):
    sandbox.add_endpoint("http://localhost/old", api_version="2025-02-24.acacia")
    sandbox.add_endpoint("http://localhost/new")
    invoice = failed_renewal(sandbox)
    inbox = Inbox()
    deliverer = sandbox.deliver_to(inbox)
    sandbox.customer_pays(invoice)
    deliverer.drain()

    paid = {
        url: event
        for (url, _, _), event in zip(inbox.letters, inbox.events, strict=True)
        if event["type"] == "invoice.paid" and event["data"]["object"]["id"] == invoice["id"]
    }
    old, new = paid["http://localhost/old"], paid["http://localhost/new"]
    assert old["id"] == new["id"]
    assert old["api_version"] == "2025-02-24.acacia"
    assert old["data"]["object"]["paid"] is True
    assert "paid" not in new["data"]["object"]
    updates = [
        event["data"]["previous_attributes"]
        for (url, _, _), event in zip(inbox.letters, inbox.events, strict=True)
        if event["type"] == "invoice.updated" and url == "http://localhost/old"
    ]
    assert updates[-1]["paid"] is False
    kinds: dict[str, set[str]] = {url: set() for url in paid}
    for (url, _, _), event in zip(inbox.letters, inbox.events, strict=True):
        kinds[url].add(event["type"])
    assert "invoice_payment.paid" in kinds["http://localhost/new"]
    assert "invoice_payment.paid" not in kinds["http://localhost/old"]


def test_a_version_that_is_none_is_refused(client, invoice):
    with pytest.raises(stripe.InvalidRequestError, match="version"):
        client.v1.invoices.retrieve(invoice["id"], options={"stripe_version": "latest"})


class TestExpanding:
    def test_four_levels_and_no_more(self, client, invoice):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.invoices.retrieve(
                invoice["id"],
                {"expand": ["payments.data.payment.payment_intent.latest_charge"]},
            )

        assert caught.value.code == "property_expansion_max_depth"

    @pytest.mark.parametrize("path", ["charge", "status", "payment_intent", "lines.nothing"])
    def test_what_is_no_object_cannot_be_expanded(self, client, invoice, path):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            client.v1.invoices.retrieve(invoice["id"], {"expand": [path]})

    def test_into_lists(self, sandbox, client, invoice):
        listed = client.v1.invoices.list({"expand": ["data.customer", "data.payments"]}).to_dict()

        assert {item["customer"]["object"] for item in listed["data"]} == {"customer"}
        assert listed["data"][0]["payments"]["data"][0]["status"] == "open"

    def test_an_empty_field_stays_empty(self, sandbox, client, invoice):
        read = client.v1.subscriptions.retrieve(
            invoice["_subscription"], {"expand": ["default_payment_method", "latest_invoice"]}
        )

        assert read.default_payment_method is None
        assert read.latest_invoice.id == invoice["id"]


def test_paid_out_of_band_shows_only_in_the_old_shape(sandbox, client, invoice):
    sandbox.advance(timedelta(minutes=5))

    paid = pay(client, invoice, paid_out_of_band=True)

    assert (paid.status, paid.amount_paid) == ("paid", invoice["amount_due"])
    old = client.v1.invoices.retrieve(invoice["id"], options=OLD).to_dict()
    assert old["paid_out_of_band"] is True
    intent = client.v1.payment_intents.retrieve(invoice["_payment_intent"])
    assert intent.status == "canceled"
