"""Words for the tests of the sandbox."""

import json

import pytest
import stripe

from sandbox import Sandbox, cards


class Inbox:
    """A receiver that keeps every letter and answers as told."""

    def __init__(self, status=200):
        self.status = status
        self.letters = []

    def __call__(self, url, body, headers):
        self.letters.append((url, body, headers))
        return self.status

    @property
    def events(self):
        return [json.loads(body) for _, body, _ in self.letters]

    @property
    def types(self):
        return [event["type"] for event in self.events]


def failed_renewal(sandbox: Sandbox, behaviour=None, **subscribe):
    """Make a customer whose first renewal is declined; return the open invoice."""
    customer = sandbox.create_customer_with_card(
        behaviour=behaviour if behaviour is not None else cards.declines("insufficient_funds"),
        name="Ada Lovelace",
        email="ada@example.com",
    )
    price = sandbox.create_price(14_900)
    subscription = sandbox.subscribe(customer, price, **subscribe)
    return sandbox.renew(subscription)


def pay(client, invoice, key=None, **params):
    options = {"idempotency_key": key} if key else {}
    return client.v1.invoices.pay(invoice["id"], params, options=options)


def declined(client, invoice, key=None, **params):
    with pytest.raises(stripe.CardError) as caught:
        pay(client, invoice, key, **params)
    return caught.value


def error_of(caught):
    """Return the error object inside the answer that raised."""
    return caught.value.json_body["error"]
