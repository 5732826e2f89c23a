"""The calls themselves: what is sent, how often, and what every answer becomes."""

import datetime as dt
import pickle

import pytest
import stripe

from apps.dunning.facts import Decline, Method
from apps.stripe_gateway import client, errors
from apps.stripe_gateway.models import ProductName
from apps.stripe_gateway.permissions import NOBODY
from tests.stripe_gateway import shapes
from tests.stripe_gateway.fake_stripe import Account, FakeStripe, listed

pytestmark = pytest.mark.django_db

OWN = Account()
CONNECTED = Account("acct_2", is_connected=True)
PAY = "POST /v1/invoices/in_1/pay"
READ = "GET /v1/invoices/in_1"


def pay(account: Account = OWN, **options: str):
    return client.pay_invoice(account=account, invoice_id="in_1", key="key-1", **options)


def refuse(api: FakeStripe, status: int, address: str = PAY, **error: object) -> None:
    api.answer(
        address, {"error": {"type": "invalid_request_error", "message": "No."} | error}, status
    )


class TestReading:
    def test_an_invoice_costs_two_calls_and_a_new_products_name_once(self, stripe_api):
        stripe_api.answer(READ, shapes.invoice())
        stripe_api.answer("GET /v1/charges", listed(shapes.charge()))
        stripe_api.answer("GET /v1/products/prod_1", {"id": "prod_1", "name": "Gold"})

        first = client.read_invoice(account=OWN, invoice_id="in_1")
        again = client.read_invoice(account=OWN, invoice_id="in_1")

        assert first == again
        assert first.offer_name == "Gold"
        assert [one.charge_id for one in first.tries] == ["ch_1"]
        assert stripe_api.paths() == [
            READ,
            "GET /v1/charges",
            "GET /v1/products/prod_1",
            READ,
            "GET /v1/charges",
        ]

    def test_no_path_is_deeper_than_stripe_expands(self, stripe_api):
        stripe_api.answer(READ, shapes.invoice(payments={"data": []}))

        client.read_invoice(account=OWN, invoice_id="in_1")

        depths = [
            len(path.split("."))
            for name, paths in stripe_api.calls[0].params.items()
            if name.startswith("expand")
            for path in paths
        ]
        assert max(depths) == 4

    def test_an_invoice_nobody_charged_costs_one_call(self, stripe_api):
        stripe_api.answer(READ, shapes.invoice(payments={"data": []}, lines=None, parent=None))

        client.read_invoice(account=OWN, invoice_id="in_1")

        assert stripe_api.paths() == [READ]

    def test_a_product_that_cannot_be_read_is_asked_for_once(self, stripe_api):
        stripe_api.answer(READ, shapes.invoice(payments={"data": []}))
        refuse(stripe_api, 403, "GET /v1/products/prod_1")

        client.read_invoice(account=OWN, invoice_id="in_1")
        facts = client.read_invoice(account=OWN, invoice_id="in_1")

        assert facts.offer_name == "Gold Membership"
        assert stripe_api.paths().count("GET /v1/products/prod_1") == 1

    def test_a_name_lost_on_the_way_is_asked_for_again(self, stripe_api):
        stripe_api.answer(READ, shapes.invoice(payments={"data": []}))
        refuse(stripe_api, 500, "GET /v1/products/prod_1")
        stripe_api.answer("GET /v1/products/prod_1", {"id": "prod_1", "name": "Gold"})

        first = client.read_invoice(account=OWN, invoice_id="in_1")
        second = client.read_invoice(account=OWN, invoice_id="in_1")

        assert (first.offer_name, second.offer_name) == ("Gold Membership", "Gold")

    def test_a_name_is_read_again_after_a_week(self, stripe_api):
        ProductName.objects.create(
            stripe_account_id="acct_1",
            livemode=False,
            stripe_product_id="prod_1",
            name="Gold",
            read_at=dt.datetime.now(dt.UTC) - dt.timedelta(days=8),
        )
        stripe_api.answer("GET /v1/subscriptions/sub_1", shapes.subscription())
        stripe_api.answer("GET /v1/products/prod_1", {"id": "prod_1", "name": "Platinum"})

        facts = client.read_subscription(account=OWN, subscription_id="sub_1")

        assert facts.offer_name == "Platinum"

    def test_a_charge_asks_which_invoice_its_intent_pays(self, stripe_api):
        stripe_api.answer("GET /v1/charges/ch_1", shapes.charge())
        stripe_api.answer("GET /v1/invoice_payments", listed(shapes.payment("pi_1")))

        facts = client.read_charge(account=OWN, charge_id="ch_1")

        assert facts.invoice_id == "in_1"
        asked = stripe_api.calls[1].params
        assert asked["payment[type]"] == ["payment_intent"]
        assert asked["payment[payment_intent]"] == ["pi_1"]

    def test_a_charge_without_an_invoice(self, stripe_api):
        stripe_api.answer("GET /v1/charges/ch_1", shapes.charge(payment_intent=None))

        assert client.read_charge(account=OWN, charge_id="ch_1").invoice_id == ""
        assert len(stripe_api.calls) == 1

    def test_an_intent_that_pays_no_invoice(self, stripe_api):
        stripe_api.answer("GET /v1/invoice_payments", listed())

        assert client.invoice_of_payment_intent(account=OWN, payment_intent_id="pi_1") == ""

    def test_a_payment_method_and_whose_it_is(self, stripe_api):
        stripe_api.answer("GET /v1/payment_methods/pm_1", shapes.card())

        method, customer_id = client.read_payment_method(account=OWN, payment_method_id="pm_1")

        assert (method.last4, customer_id) == ("4242", "cus_1")

    def test_a_deleted_customer(self, stripe_api):
        stripe_api.answer(
            "GET /v1/customers/cus_1", {"id": "cus_1", "object": "customer", "deleted": True}
        )

        assert client.read_customer(account=OWN, customer_id="cus_1").is_deleted

    def test_a_read_is_repeated_once_by_the_library(self, stripe_api):
        refuse(stripe_api, 500, READ)
        stripe_api.answer(READ, shapes.invoice(payments={"data": []}, lines=None, parent=None))

        client.read_invoice(account=OWN, invoice_id="in_1")

        assert stripe_api.paths() == [READ, READ]


class TestOneMoment:
    """An invoice and its charges are two calls; what happens in between must not mix them."""

    def test_a_charge_made_in_between_is_left_to_the_next_read(self, stripe_api):
        stripe_api.answer(READ, shapes.invoice(lines=None, parent=None))
        stripe_api.answer("GET /v1/charges", listed(shapes.paid_charge("ch_2"), shapes.charge()))

        facts = client.read_invoice(account=OWN, invoice_id="in_1")

        assert facts.status == "open"
        assert [one.charge_id for one in facts.tries] == ["ch_1"]

    def test_a_debit_that_settles_in_between_is_read_again(self, stripe_api):
        waiting = shapes.payment(shapes.intent(status="processing", last_payment_error=None))
        paid = shapes.payment(shapes.paid_intent(latest_charge="ch_1"), status="paid")
        bare = {"lines": None, "parent": None}
        stripe_api.answer(READ, shapes.invoice(payments={"data": [waiting]}, **bare))
        stripe_api.answer(READ, shapes.paid_invoice(payments={"data": [paid]}, **bare))
        stripe_api.answer("GET /v1/charges", listed(shapes.paid_charge("ch_1")))

        facts = client.read_invoice(account=OWN, invoice_id="in_1")

        assert facts.status == "paid"
        assert stripe_api.paths() == [READ, "GET /v1/charges"] * 2


class TestHeaders:
    def test_our_own_account_needs_none(self, stripe_api, settings):
        stripe_api.answer("GET /v1/customers/cus_1", shapes.customer())

        client.read_customer(account=OWN, customer_id="cus_1")

        headers = stripe_api.calls[0].headers
        assert "Stripe-Account" not in headers
        assert headers["Authorization"] == f"Bearer {settings.GATEWAY_STRIPE_KEY}"
        assert headers["Stripe-Version"] == settings.STRIPE_API_VERSION

    def test_a_connected_account_is_named(self, stripe_api):
        stripe_api.answer(PAY, shapes.paid_invoice())

        pay(CONNECTED)

        assert stripe_api.calls[0].headers["Stripe-Account"] == "acct_2"
        assert stripe_api.calls[0].headers["Idempotency-Key"] == "key-1"

    def test_a_key_of_the_other_mode_calls_nobody(self, stripe_api):
        with pytest.raises(errors.AccessDenied):
            pay(Account(livemode=True))

        assert stripe_api.calls == []


class TestPaying:
    def test_the_answer_is_the_fresh_read(self, stripe_api):
        stripe_api.answer(PAY, shapes.paid_invoice())

        facts = pay()

        assert facts.status == "paid"
        assert [one.charge_id for one in facts.tries] == ["ch_2"]
        assert stripe_api.paths() == [PAY]
        assert stripe_api.calls[0].params["off_session"] == ["true"]
        assert "payment_method" not in stripe_api.calls[0].params

    def test_a_chosen_method_is_passed_on(self, stripe_api):
        stripe_api.answer(PAY, shapes.paid_invoice())

        pay(payment_method_id="pm_7")

        assert stripe_api.calls[0].params["payment_method"] == ["pm_7"]

    def test_a_bank_debit_is_under_way(self, stripe_api):
        under_way = shapes.payment(shapes.intent(status="processing", last_payment_error=None))
        stripe_api.answer(PAY, shapes.invoice(payments={"data": [under_way]}))

        assert pay().processing

    def test_a_decline(self, stripe_api):
        refuse(stripe_api, 402, **shapes.error(payment_intent=shapes.intent()))

        with pytest.raises(errors.PaymentDeclined) as caught:
            pay()

        declined = caught.value
        assert declined.decline.decline_code == "insufficient_funds"
        assert declined.decline.network_advice_code == "03"
        assert (declined.charge_id, declined.payment_intent_id) == ("ch_1", "pi_1")
        assert declined.method is not None
        assert declined.method.fingerprint == "fp_1"

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (402, {"type": "card_error", "code": "authentication_required"}),
            (
                402,
                {
                    "type": "card_error",
                    "code": "card_declined",
                    "decline_code": "authentication_required",
                },
            ),
            (400, {"code": "invoice_payment_intent_requires_action", "payment_intent": "pi_1"}),
        ],
    )
    def test_the_customer_must_confirm(self, stripe_api, status, error):
        refuse(stripe_api, status, **error)

        with pytest.raises(errors.NeedsAuthentication) as caught:
            pay()

        assert (caught.value.decline is None) == (status == 400)

    @pytest.mark.parametrize(
        ("status", "error", "kind"),
        [
            (400, {"message": "Invoice is already paid"}, errors.InvoiceNotOpen),
            (400, {"code": "invoice_already_paid"}, errors.InvoiceNotOpen),
            (400, {"message": "You cannot pay a void invoice."}, errors.InvoiceNotOpen),
            (400, {"code": "missing"}, errors.NoPaymentMethod),
            (400, {"code": "resource_missing", "param": None}, errors.NoPaymentMethod),
            (400, {"code": "parameter_unknown", "param": "x"}, errors.BadRequest),
            (400, {"type": "idempotency_error"}, errors.KeyMismatch),
            (401, {}, errors.AccessDenied),
            (403, {}, errors.AccessDenied),
            (404, {"code": "resource_missing"}, errors.NotFound),
            (409, {"code": "idempotency_key_in_use"}, errors.Busy),
            (429, {"code": "lock_timeout"}, errors.Busy),
            (429, {"code": "rate_limit"}, errors.Busy),
            (500, {"type": "api_error"}, errors.OutcomeUnknown),
            (503, {}, errors.OutcomeUnknown),
        ],
    )
    def test_every_refusal_has_its_word_and_is_asked_once(self, stripe_api, status, error, kind):
        refuse(stripe_api, status, **error)

        with pytest.raises(errors.GatewayError) as caught:
            pay()

        assert type(caught.value) is kind
        assert stripe_api.paths() == [PAY]

    def test_a_lost_connection_is_not_repeated(self, stripe_api):
        stripe_api.fail(PAY, stripe.APIConnectionError("timed out", should_retry=True))

        with pytest.raises(errors.OutcomeUnknown):
            pay()

        assert stripe_api.paths() == [PAY]

    @pytest.mark.parametrize("body", [{"object": "invoice"}, {"id": ""}])
    def test_an_answer_nobody_understands_is_an_unknown_outcome(self, stripe_api, body):
        stripe_api.answer(PAY, body)

        with pytest.raises(errors.OutcomeUnknown):
            pay()

    def test_busy_says_how_long_to_wait(self, stripe_api):
        stripe_api.answer(PAY, {"error": {"code": "lock_timeout"}}, 429, {"Retry-After": "2.5"})

        with pytest.raises(errors.Busy) as caught:
            pay()

        assert (caught.value.code, caught.value.retry_after) == ("lock_timeout", 2.5)


class TestOtherWrites:
    def test_stopping_stripes_retries(self, stripe_api):
        stripe_api.answer("POST /v1/invoices/in_1", shapes.invoice(auto_advance=False))
        stripe_api.answer("GET /v1/charges", listed(shapes.charge()))

        facts = client.stop_stripe_retries(account=OWN, invoice_id="in_1", key="key-2")

        assert not facts.auto_advance
        assert stripe_api.calls[0].params["auto_advance"] == ["false"]
        assert stripe_api.calls[0].headers["Idempotency-Key"] == "key-2"

    def test_ending_a_subscription(self, stripe_api):
        stripe_api.answer("DELETE /v1/subscriptions/sub_1", shapes.subscription(status="canceled"))

        facts = client.cancel_subscription(account=OWN, subscription_id="sub_1", key="key-3")

        assert facts.status == "canceled"

    def test_writing_an_invoice_off(self, stripe_api):
        stripe_api.answer(
            "POST /v1/invoices/in_1/mark_uncollectible", shapes.invoice(status="uncollectible")
        )
        stripe_api.answer("GET /v1/charges", listed(shapes.charge()))

        facts = client.mark_uncollectible(account=OWN, invoice_id="in_1", key="key-4")

        assert facts.status == "uncollectible"


class TestAccount:
    def test_events_come_page_by_page(self, stripe_api):
        stripe_api.answer("GET /v1/events", listed({"id": "evt_2", "type": "a"}, has_more=True))
        stripe_api.answer(
            "GET /v1/events", listed({"id": "evt_1", "type": "a"}, {"id": "evt_0", "type": "b"})
        )
        since = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

        found = list(client.list_events(account=OWN, since=since, types=["a"]))

        assert [one["id"] for one in found] == ["evt_2", "evt_1"]
        assert stripe_api.calls[1].params["starting_after"] == ["evt_2"]
        assert stripe_api.calls[0].params["created[gte]"] == [str(int(since.timestamp()))]

    def test_the_account_behind_the_key(self, stripe_api):
        stripe_api.answer(
            "GET /v1/account",
            {"id": "acct_1", "object": "account", "country": "CA", "default_currency": "cad"},
        )

        info = client.check_key()

        assert (info.id, info.country, info.livemode) == ("acct_1", "CA", False)

    def test_what_a_restricted_key_may_not_do(self, stripe_api):
        lists = (
            "charges",
            "customers",
            "events",
            "invoice_payments",
            "payment_intents",
            "products",
        )
        for name in (*lists, "subscriptions", "webhook_endpoints"):
            stripe_api.answer(f"GET /v1/{name}", listed())
        refuse(stripe_api, 403, "GET /v1/invoices")
        absent = ("POST /v1/customers/cus_", "POST /v1/invoices/in_", "GET /v1/payment_methods/pm_")
        for address in absent:
            refuse(stripe_api, 404, f"{address}{NOBODY}")
        refuse(stripe_api, 403, f"POST /v1/subscriptions/sub_{NOBODY}")
        refuse(stripe_api, 404, f"POST /v1/webhook_endpoints/we_{NOBODY}")
        refuse(stripe_api, 400, "POST /v1/checkout/sessions", code="resource_missing")

        assert client.missing_permissions(account=OWN) == (
            "Invoices (read)",
            "Subscriptions (write)",
        )


@pytest.mark.parametrize(
    "error",
    [
        errors.PaymentDeclined(
            Decline("card_declined", "stolen_card"), "ch_1", "pi_1", Method("p")
        ),
        errors.NeedsAuthentication("pi_1", "ch_1", None, None),
        errors.InvoiceNotOpen("code", "words"),
        errors.Busy("lock_timeout", 2.0),
        errors.OutcomeUnknown("timed out"),
        errors.BadSignature("no"),
    ],
)
def test_our_errors_survive_pickling(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
