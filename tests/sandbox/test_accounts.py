"""Keys, restricted keys and connected accounts."""

import pytest
import stripe

from sandbox import Clock, Sandbox
from tests.sandbox.helpers import Inbox, error_of, failed_renewal

RESTRICTED = "rk_test_0123456789abcdefghijklmn"


def client_for(key, http):
    return stripe.StripeClient(key, http_client=http, max_network_retries=0)


def test_an_unknown_key_is_nobody(http):
    with pytest.raises(stripe.AuthenticationError):
        client_for("sk_test_unknown", http).v1.customers.list()


def test_a_restricted_key_does_what_it_was_given(sandbox, http):
    invoice = failed_renewal(sandbox)
    sandbox.add_key(RESTRICTED, permissions=["invoices:write", "customers:read"])
    client = client_for(RESTRICTED, http)

    client.v1.invoices.retrieve(invoice["id"])
    client.v1.invoices.update(invoice["id"], {"description": "x"})
    client.v1.customers.retrieve(invoice["customer"])

    with pytest.raises(stripe.PermissionError):
        client.v1.customers.update(invoice["customer"], {"name": "x"})
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve_current()


def test_the_account_of_the_key_and_by_id(sandbox, client):
    own = client.v1.accounts.retrieve_current()
    assert own.id == sandbox.account
    assert client.v1.accounts.retrieve(sandbox.account).id == own.id
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve("acct_somebody")


class TestConnect:
    def test_two_accounts_may_use_the_same_ids(self, sandbox, client):
        other = sandbox.add_account(name="Other")
        for account, name in ((sandbox.account, "Ours"), (other, "Theirs")):
            client.v1.products.create({"id": "pro", "name": name}, {"stripe_account": account})

        theirs = client.v1.products.retrieve("pro", options={"stripe_account": other})

        assert theirs.name == "Theirs"
        assert client.v1.products.retrieve("pro").name == "Ours"

    def test_objects_of_one_account_are_not_found_in_another(self, sandbox, client):
        other = sandbox.add_account()
        customer = sandbox.create_customer(account=other)

        with pytest.raises(stripe.InvalidRequestError) as caught:
            client.v1.customers.retrieve(customer["id"])

        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")

    def test_the_header_names_the_account(self, sandbox, client):
        other = sandbox.add_account(name="Other")

        read = client.v1.accounts.retrieve_current({}, {"stripe_account": other})

        assert read.id == other
        assert [item.id for item in client.v1.accounts.list().data] == [other]

    def test_events_of_connected_accounts_go_to_the_connect_endpoint(self, sandbox):
        other = sandbox.add_account()
        sandbox.add_endpoint("http://localhost/own")
        sandbox.add_endpoint("http://localhost/connect", connect=True)
        inbox = Inbox()
        sandbox.create_customer(account=other)
        sandbox.create_customer()
        sandbox.deliver_to(inbox).drain()

        told = {url: event for (url, _, _), event in zip(inbox.letters, inbox.events, strict=True)}
        assert len(inbox.letters) == 2
        assert told["http://localhost/connect"]["account"] == other
        assert "account" not in told["http://localhost/own"]

    def test_a_disconnected_account_is_closed_to_the_platform(self, sandbox, client):
        other = sandbox.add_account()
        sandbox.add_endpoint("http://localhost/connect", connect=True)
        inbox = Inbox()

        sandbox.disconnect(other)
        sandbox.deliver_to(inbox).drain()

        assert inbox.types == ["account.application.deauthorized"]
        with pytest.raises(stripe.PermissionError) as caught:
            client.v1.customers.list({}, {"stripe_account": other})
        assert error_of(caught)["code"] == "account_invalid"

    def test_only_the_platform_may_speak_for_others(self, sandbox, http):
        one, two = sandbox.add_account(), sandbox.add_account()
        sandbox.add_key("sk_test_of_one_account_0123456789", account=one)
        client = client_for("sk_test_of_one_account_0123456789", http)

        with pytest.raises(stripe.PermissionError):
            client.v1.customers.list({}, {"stripe_account": two})


def test_a_live_sandbox_knows_live_keys(http):
    live = Sandbox(clock=Clock(), livemode=True)
    customer = live.create_customer()

    assert live.secret_key.startswith("sk_live_")
    assert customer["livemode"] is True
