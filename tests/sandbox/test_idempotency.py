"""The first answer of a key is the answer of that key, for a day."""

from datetime import timedelta

import pytest
import stripe

from sandbox import Fault, cards
from tests.sandbox.helpers import declined, error_of, failed_renewal, pay


def test_a_decline_is_replayed_and_nothing_is_charged_again(sandbox, client):
    invoice = failed_renewal(sandbox)
    first = declined(client, invoice, "key")
    charges = len(sandbox.objects("charge"))

    again = declined(client, invoice, "key")

    assert again.http_body == first.http_body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Original-Request"]
    assert len(sandbox.objects("charge")) == charges


def test_a_success_is_replayed_although_the_invoice_is_paid_by_now(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))

    answers = [pay(client, invoice, "key").status for _ in range(2)]

    assert answers == ["paid", "paid"]


def test_a_500_is_replayed_until_the_key_is_forgotten(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
    sandbox.faults.add(Fault.ERROR_500, path="*/pay")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            pay(client, invoice, "key")
        assert caught.value.http_status == 500
    assert invoice["status"] == "open"

    sandbox.advance(timedelta(hours=25))

    assert pay(client, invoice, "key").status == "paid"


def test_other_parameters_under_the_same_key_are_refused(sandbox, client):
    invoice = failed_renewal(sandbox)
    declined(client, invoice, "key")

    with pytest.raises(stripe.IdempotencyError):
        pay(client, invoice, "key", off_session=False)

    assert [item.rule for item in sandbox.judge.violations] == ["M3"]


def test_refused_parameters_leave_the_key_free(sandbox, client):
    invoice = failed_renewal(sandbox)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.update(invoice["id"], {"wrong": "1"}, {"idempotency_key": "key"})
    sandbox.judge.violations.clear()

    client.v1.invoices.update(invoice["id"], {"description": "x"}, {"idempotency_key": "key"})

    assert invoice["description"] == "x"


def test_a_key_in_use_is_a_conflict(sandbox, client):
    invoice = failed_renewal(sandbox)
    conflicts = []

    def meanwhile(_endpoint):
        sandbox.during_call = None
        with pytest.raises(stripe.APIError) as caught:
            pay(client, invoice, "key")
        conflicts.append((caught.value.http_status, error_of(caught)["code"]))

    sandbox.during_call = meanwhile
    declined(client, invoice, "key")

    assert conflicts == [(409, "idempotency_key_in_use")]


def test_keys_of_two_accounts_do_not_meet(sandbox, client):
    other = sandbox.add_account()

    for account in (sandbox.account, other):
        client.v1.customers.create(
            {"name": account}, {"idempotency_key": "same", "stripe_account": account}
        )

    assert [item["name"] for item in sandbox.objects("customer", account=other)] == [other]
    assert len(sandbox.objects("customer")) == 1


def test_old_answers_are_pruned(sandbox, client):
    client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "key"})
    assert sandbox.store.get(sandbox.account, "idempotency", "key")

    sandbox.advance(timedelta(hours=25))
    sandbox.idempotency.prune(sandbox.account, int(sandbox.now().timestamp()))

    assert sandbox.store.get(sandbox.account, "idempotency", "key") is None
