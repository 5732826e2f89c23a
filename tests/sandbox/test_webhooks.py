"""Signed, at least once, in no promised order, and as bad as the switches say."""

import hashlib
import hmac
import json
from datetime import timedelta
from itertools import pairwise

import pytest
import stripe

from sandbox.webhooks import GAPS
from tests.sandbox.helpers import Inbox

SECRET = "whsec_0123456789abcdef0123456789abcdef"


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def deliverer(sandbox, inbox):
    sandbox.add_endpoint("http://localhost/hook", secret=SECRET)
    return sandbox.deliver_to(inbox)


def stamp_of(headers):
    return int(headers["Stripe-Signature"].split(",")[0].removeprefix("t="))


def verifies(letter, secret):
    _, body, headers = letter
    try:
        stripe.WebhookSignature.verify_header(
            body.decode(), headers["Stripe-Signature"], secret, tolerance=None
        )
    except stripe.SignatureVerificationError:
        return False
    return True


def test_letters_are_signed_as_stripe_signs(sandbox, inbox, deliverer):
    sandbox.create_customer(name="Zoë")
    deliverer.drain()

    letter = inbox.letters[0]
    expected = hmac.new(
        SECRET.encode(), f"{stamp_of(letter[2])}.".encode() + letter[1], hashlib.sha256
    ).hexdigest()
    assert letter[2]["Stripe-Signature"].endswith(f"v1={expected}")
    assert stamp_of(letter[2]) == int(sandbox.now().timestamp())
    assert verifies(letter, SECRET)
    assert json.loads(letter[1])["data"]["object"]["name"] == "Zoë"


def test_while_rotating_both_secrets_verify(sandbox, inbox, deliverer):
    endpoint = sandbox.objects("webhook_endpoint")[0]
    sandbox.rotate_secret(endpoint["id"], "whsec_new")

    sandbox.create_customer()
    deliverer.drain()

    assert verifies(inbox.letters[0], SECRET)
    assert verifies(inbox.letters[0], "whsec_new")


def test_a_refused_letter_comes_again_with_growing_gaps_and_a_fresh_stamp(
    sandbox, inbox, deliverer
):
    inbox.status = 500
    sandbox.create_customer()
    deliverer.drain()
    for gap in GAPS[:3]:
        sandbox.advance(timedelta(seconds=gap))
        deliverer.drain()

    stamps = [stamp_of(headers) for _, _, headers in inbox.letters]
    assert [b - a for a, b in pairwise(stamps)] == list(GAPS[:3])
    assert len({json.loads(body)["id"] for _, body, _ in inbox.letters}) == 1


def test_after_three_days_it_is_given_up_but_stays_in_the_list(sandbox, client, inbox, deliverer):
    inbox.status = 503
    sandbox.create_customer()
    for _ in range(40):
        deliverer.drain()
        sandbox.advance(timedelta(hours=6))
    count = len(inbox.letters)

    sandbox.advance(timedelta(days=1))
    deliverer.drain()

    assert len(inbox.letters) == count == len(GAPS) + 1
    failed = client.v1.events.list({"delivery_success": False})
    assert [event.type for event in failed.data] == ["customer.created"]


def test_a_receiver_that_is_down_is_tried_again(sandbox, deliverer):
    calls = []

    def down(url, body, headers):
        calls.append(url)
        raise ConnectionRefusedError

    deliverer.send = down
    sandbox.create_customer()
    deliverer.drain()
    sandbox.advance(timedelta(seconds=GAPS[0]))
    deliverer.drain()

    assert len(calls) == 2


def test_an_endpoint_gets_what_it_asked_for(sandbox, inbox):
    sandbox.add_endpoint("http://localhost/hook", events=["customer.updated"])
    sandbox.create_customer()

    assert sandbox.deliver_to(inbox).drain() == 0


class TestTroubles:
    def test_duplicate(self, sandbox, inbox, deliverer):
        deliverer.switch("duplicate", types="customer.*", times=1)
        sandbox.create_customer()
        sandbox.create_customer()
        deliverer.drain()

        ids = [event["id"] for event in inbox.events]
        assert (len(ids), len(set(ids))) == (3, 2)

    def test_shuffle(self, sandbox, inbox, deliverer):
        deliverer.switch("shuffle")
        made = [sandbox.create_customer()["id"] for _ in range(12)]
        deliverer.drain()

        told = [event["data"]["object"]["id"] for event in inbox.events]
        assert sorted(told) == sorted(made)
        assert told != made

    def test_delay(self, sandbox, inbox, deliverer):
        deliverer.switch("delay", seconds=3_600)
        sandbox.create_customer()
        deliverer.drain()
        assert inbox.letters == []

        sandbox.advance(timedelta(hours=1))
        deliverer.drain()
        assert len(inbox.letters) == 1

    def test_drop_then_redeliver(self, sandbox, inbox, deliverer):
        deliverer.switch("drop_then_redeliver", types="customer.created", times=1)
        sandbox.create_customer()
        deliverer.drain()
        assert inbox.letters == []

        sandbox.advance(timedelta(seconds=GAPS[0]))
        deliverer.drain()
        assert inbox.types == ["customer.created"]

    def test_drop_for_ever(self, sandbox, client, inbox, deliverer):
        deliverer.switch("drop_for_ever", types="customer.created")
        sandbox.create_customer()
        deliverer.drain()
        sandbox.advance(timedelta(days=4))
        deliverer.drain()

        assert inbox.letters == []
        assert [event.type for event in client.v1.events.list().data] == ["customer.created"]

    def test_sign_wrongly(self, sandbox, inbox, deliverer):
        deliverer.switch("sign_wrongly", times=1)
        sandbox.create_customer()
        sandbox.create_customer()
        deliverer.drain()

        assert [verifies(letter, SECRET) for letter in inbox.letters] == [False, True]

    def test_switched_off(self, sandbox, inbox, deliverer):
        deliverer.switch("drop_for_ever")
        deliverer.switch_off()
        sandbox.create_customer()

        assert deliverer.drain() == 1


class TestEvents:
    def test_the_list_filters_and_pages(self, sandbox, client):
        for _ in range(7):
            sandbox.create_customer()
        sandbox.create_price()

        listed = client.v1.events.list({"type": "customer.created", "limit": 3})
        everything = list(listed.auto_paging_iter())

        assert len(everything) == 7
        assert len({event.id for event in everything}) == 7
        assert client.v1.events.list({"types": ["price.created"]}).data[0].type == "price.created"
        assert {event.type for event in client.v1.events.list({"type": "price.*"}).data} == {
            "price.created"
        }

    def test_created_bounds(self, sandbox, client):
        sandbox.create_customer()
        sandbox.advance(timedelta(hours=1))
        moment = int(sandbox.now().timestamp())
        sandbox.create_customer()

        assert len(client.v1.events.list({"created": {"gte": moment}}).data) == 1
        assert len(client.v1.events.list({"created": {"lt": moment}}).data) == 1

    def test_more_than_twenty_types_are_refused(self, client):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.events.list({"types": [f"a.{number}" for number in range(21)]})

    def test_after_thirty_days_they_are_gone(self, sandbox, client):
        sandbox.create_customer()
        sandbox.advance(timedelta(days=31))
        sandbox.create_price()

        kinds = {event.type for event in client.v1.events.list().data}
        assert kinds == {"product.created", "price.created"}

    def test_the_request_that_caused_it_is_named(self, client):
        client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "my-key"})

        request = client.v1.events.list().data[0].to_dict()["request"]
        assert request["idempotency_key"] == "my-key"
        assert request["id"].startswith("req_")

    def test_what_stripe_does_by_itself_has_no_request(self, sandbox, client):
        subscription = sandbox.subscribe(
            sandbox.create_customer_with_card(), sandbox.create_price()
        )
        sandbox.renew(subscription)

        event = client.v1.events.list({"type": "invoice.paid"}).data[0]
        assert event.to_dict()["request"] == {"id": None, "idempotency_key": None}


class TestEndpointCalls:
    def test_the_secret_is_told_once(self, client):
        made = client.v1.webhook_endpoints.create(
            {"url": "http://localhost/hook", "enabled_events": ["invoice.paid"]}
        )
        read = client.v1.webhook_endpoints.retrieve(made.id)

        assert made.secret.startswith("whsec_")
        assert "secret" not in read

    def test_disabled_endpoints_get_nothing(self, sandbox, client, inbox):
        made = client.v1.webhook_endpoints.create(
            {"url": "http://localhost/hook", "enabled_events": ["*"]}
        )
        client.v1.webhook_endpoints.update(made.id, {"disabled": True})
        sandbox.create_customer()

        assert sandbox.deliver_to(inbox).drain() == 0

    def test_deleted_endpoints_get_nothing_any_more(self, sandbox, client, inbox, deliverer):
        sandbox.create_customer()
        client.v1.webhook_endpoints.delete(sandbox.objects("webhook_endpoint")[0]["id"])

        assert deliverer.drain() == 0
