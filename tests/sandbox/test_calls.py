"""Lists, metadata, 404s and the smaller endpoints."""

from datetime import timedelta

import pytest
import stripe

from tests.sandbox.helpers import failed_renewal, pay


class TestLists:
    @pytest.fixture
    def names(self, sandbox):
        for number in range(7):
            sandbox.create_customer(name=f"C{number}")
            sandbox.advance(timedelta(minutes=1))
        return [f"C{number}" for number in range(6, -1, -1)]

    def test_newest_first_by_pages(self, client, names):
        first = client.v1.customers.list({"limit": 3})
        everyone = [customer.name for customer in first.auto_paging_iter()]

        assert first.has_more
        assert everyone == names

    def test_backwards(self, client, names):
        oldest = client.v1.customers.list({"limit": 100}).data[-1]
        before = client.v1.customers.list({"limit": 3, "ending_before": oldest.id})

        assert [customer.name for customer in before.data] == ["C3", "C2", "C1"]
        assert before.has_more

    @pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"starting_after": "x"}])
    def test_nonsense_is_refused(self, client, names, params):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.list(params)

    def test_invoices_by_status_customer_subscription_and_time(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        failed_renewal(sandbox)
        first = {"subscription": invoice["_subscription"]}

        assert len(client.v1.invoices.list({"status": "open"}).data) == 2
        assert len(client.v1.invoices.list({**first, "status": "open"}).data) == 1
        assert len(client.v1.invoices.list({"customer": invoice["customer"]}).data) >= 2
        bounds = {"gte": invoice["created"], "lte": invoice["created"]}
        found = client.v1.invoices.list({"created": bounds, **first}).data
        assert [item.id for item in found] == [invoice["id"]]


class TestMissing:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/customers/cus_x",
            "/v1/invoices/in_x",
            "/v1/charges/ch_x",
            "/v1/mandates/mandate_x",
            "/v1/products/prod_x/features",
        ],
    )
    def test_unknown_objects_are_404(self, sandbox, path):
        answer = sandbox.request("GET", path, {}, {"Authorization": f"Bearer {sandbox.secret_key}"})

        assert (answer.status, answer.body["error"]["code"]) == (404, "resource_missing")

    def test_unknown_addresses_are_404(self, sandbox):
        answer = sandbox.request(
            "GET", "/v1/nothing", {}, {"Authorization": f"Bearer {sandbox.secret_key}"}
        )

        assert answer.status == 404

    def test_a_deleted_customer_is_still_named(self, sandbox, client):
        customer = sandbox.create_customer(name="Ada")
        client.v1.customers.delete(customer["id"])

        read = client.v1.customers.retrieve(customer["id"])

        assert read.to_dict() == {"id": customer["id"], "object": "customer", "deleted": True}
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.customers.update(customer["id"], {"name": "x"})


def test_metadata_is_merged_and_emptied(sandbox, client):
    customer = sandbox.create_customer(metadata={"a": "1", "b": "2"})

    client.v1.customers.update(customer["id"], {"metadata": {"b": "", "c": "3"}})
    assert customer["metadata"] == {"a": "1", "c": "3"}

    client.v1.customers.update(customer["id"], {"metadata": ""})
    assert customer["metadata"] == {}


class TestClosing:
    def test_uncollectible_is_bad_debt_that_can_still_be_paid(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        client.v1.invoices.mark_uncollectible(invoice["id"])
        assert invoice["status"] == "uncollectible"
        assert sandbox.object("subscription", invoice["_subscription"])["status"] == "past_due"

        sandbox.set_behaviour(sandbox.objects("payment_method")[0], [])

        assert pay(client, invoice).status == "paid"

    def test_void_is_for_good(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        client.v1.invoices.void_invoice(invoice["id"])

        with pytest.raises(stripe.InvalidRequestError, match="void"):
            pay(client, invoice)
        intent = sandbox.object("payment_intent", invoice["_payment_intent"])
        assert intent["status"] == "canceled"

    def test_a_draft_is_not_paid_but_deleted(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        draft = client.v1.invoices.create({"customer": customer["id"]})
        with pytest.raises(stripe.InvalidRequestError, match="draft"):
            pay(client, draft)

        client.v1.invoices.delete(draft.id)

        assert client.v1.invoices.list().data == []

    def test_sending_finalizes(self, sandbox, client):
        customer = sandbox.create_customer(email="a@example.com")
        client.v1.invoice_items.create(
            {"customer": customer["id"], "amount": 500, "currency": "usd"}
        )
        draft = client.v1.invoices.create(
            {
                "customer": customer["id"],
                "collection_method": "send_invoice",
                "days_until_due": 7,
                "pending_invoice_items_behavior": "include",
            }
        )

        sent = client.v1.invoices.send_invoice(draft.id)

        assert (sent.status, sent.amount_due) == ("open", 500)
        assert sent.parent is None
        assert "invoice.sent" in [event["type"] for event in sandbox.objects("event")]

    def test_a_credit_note_leaves_less_to_pay(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        client.v1.credit_notes.create({"invoice": invoice["id"], "amount": 4_900})
        sandbox.set_behaviour(sandbox.objects("payment_method")[0], [])

        pay(client, invoice)

        assert invoice["amount_paid"] == 10_000
        assert sandbox.objects("charge")[-1]["amount"] == 10_000

    def test_credited_in_full_is_paid_without_a_charge(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        charges = len(sandbox.objects("charge"))

        client.v1.credit_notes.create({"invoice": invoice["id"], "amount": 14_900})

        assert (invoice["status"], len(sandbox.objects("charge"))) == ("paid", charges)


class TestMoneyBack:
    @pytest.fixture
    def charge(self, sandbox):
        sandbox.subscribe(sandbox.create_customer_with_card(), sandbox.create_price(1_000))
        return sandbox.objects("charge")[0]

    def test_refunds_add_up_and_leave_the_invoice_paid(self, sandbox, client, charge):
        client.v1.refunds.create({"charge": charge["id"], "amount": 400})
        client.v1.refunds.create({"payment_intent": charge["payment_intent"]})

        read = client.v1.charges.retrieve(charge["id"], {"expand": ["refunds"]})
        assert (read.amount_refunded, read.refunded) == (1_000, True)
        assert len(read.refunds.data) == 2
        assert sandbox.objects("invoice")[0]["status"] == "paid"
        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.refunds.create({"charge": charge["id"]})
        assert caught.value.code == "charge_already_refunded"

    def test_not_more_than_was_paid(self, client, charge):
        with pytest.raises(stripe.InvalidRequestError, match="greater"):
            client.v1.refunds.create({"charge": charge["id"], "amount": 1_001})

    def test_a_refund_may_come_back(self, sandbox, client):
        sandbox.subscribe(
            sandbox.create_customer_with_card(number="4000000000005126"), sandbox.create_price()
        )
        charge = sandbox.objects("charge")[0]
        sandbox.set_behaviour(charge["payment_method"], [{"do": "refund_fails"}])
        refund = client.v1.refunds.create({"charge": charge["id"]})
        assert refund.status == "pending"

        sandbox.advance(timedelta(days=1))

        assert client.v1.refunds.retrieve(refund.id).status == "failed"
        assert charge["refunded"] is False

    def test_disputes(self, sandbox, client, charge):
        dispute = sandbox.dispute(charge)
        assert client.v1.disputes.list({"charge": charge["id"]}).data[0].id == dispute["id"]
        assert charge["disputed"] is True

        sandbox.close_dispute(dispute, won=True)

        types = [event["type"] for event in sandbox.objects("event")]
        assert "charge.dispute.funds_reinstated" in types


class TestNewCards:
    def test_checkout_in_setup_mode_gives_a_method_that_we_must_make_default(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        session = client.v1.checkout.sessions.create(
            {
                "mode": "setup",
                "customer": invoice["customer"],
                "currency": "usd",
                "success_url": "https://example.com/done",
            }
        )

        method = sandbox.complete_checkout(session.id)

        done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
        assert done.status == "complete"
        assert done.setup_intent.payment_method == method["id"]
        customer = sandbox.object("customer", invoice["customer"])
        assert customer["invoice_settings"]["default_payment_method"] != method["id"]
        types = [event["type"] for event in sandbox.objects("event")]
        assert types[-3:] == [
            "payment_method.attached",
            "setup_intent.succeeded",
            "checkout.session.completed",
        ]

    def test_a_session_expires(self, sandbox, client):
        session = client.v1.checkout.sessions.create(
            {"mode": "setup", "currency": "usd", "success_url": "https://example.com/done"}
        )

        sandbox.advance(timedelta(hours=24))

        assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"

    def test_the_portal_sets_the_customers_default(self, sandbox, client):
        invoice = failed_renewal(sandbox)
        session = client.v1.billing_portal.sessions.create(
            {"customer": invoice["customer"], "flow_data": {"type": "payment_method_update"}}
        )

        method = sandbox.complete_portal(session.id)

        assert session.flow.type == "payment_method_update"
        customer = client.v1.customers.retrieve(invoice["customer"])
        assert customer.invoice_settings.default_payment_method == method["id"]
        assert invoice["status"] == "open"

    def test_detaching_the_default_clears_it(self, sandbox, client):
        customer = sandbox.create_customer_with_card()
        method = sandbox.objects("payment_method")[0]

        client.v1.payment_methods.detach(method["id"])

        assert customer["invoice_settings"]["default_payment_method"] is None
        assert client.v1.customers.payment_methods.list(customer["id"]).data == []

    def test_new_expiry_of_the_same_card(self, sandbox, client):
        sandbox.create_customer_with_card()
        method = sandbox.objects("payment_method")[0]
        fingerprint = method["card"]["fingerprint"]

        client.v1.payment_methods.update(method["id"], {"card": {"exp_year": 2032}})

        assert method["card"]["exp_year"] == 2032
        assert method["card"]["fingerprint"] == fingerprint
        assert sandbox.objects("event")[-1]["type"] == "payment_method.updated"


def test_a_test_clock_moves_the_sandbox(sandbox, client):
    subscription = sandbox.subscribe(sandbox.create_customer_with_card(), sandbox.create_price())
    now = int(sandbox.now().timestamp())
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": now})

    client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": now + 33 * 86_400})

    assert len(sandbox.objects("invoice")) == 2
    assert subscription["status"] == "active"
    with pytest.raises(stripe.InvalidRequestError, match="forward"):
        client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": now})


def test_products_have_a_list_of_features(sandbox, client):
    product = sandbox.objects("product") or [sandbox.create_price()]

    listed = client.v1.products.features.list(sandbox.objects("product")[0]["id"])

    assert product
    assert listed.data == []
