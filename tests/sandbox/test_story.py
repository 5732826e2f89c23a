"""The story the product lives from: a renewal fails, is tried again and is paid."""

from datetime import timedelta

from sandbox import cards
from tests.sandbox.helpers import Inbox, declined, failed_renewal, pay


def test_a_renewal_fails_and_the_second_retry_by_api_pays(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=2))
    subscription = sandbox.object("subscription", invoice["_subscription"])
    assert (invoice["status"], subscription["status"]) == ("open", "past_due")

    client.v1.invoices.update(invoice["id"], {"auto_advance": False})
    sandbox.advance(timedelta(days=3))
    error = declined(client, invoice, "first")
    sandbox.advance(timedelta(days=4))
    paid = pay(client, invoice, "second")

    assert error.error.decline_code == "insufficient_funds"
    assert paid.status == "paid"
    assert paid.attempt_count == 1
    assert subscription["status"] == "active"
    sandbox.judge.assert_clean()


def test_left_alone_stripe_retries_and_cancels_in_the_end(sandbox):
    invoice = failed_renewal(sandbox)
    subscription = sandbox.object("subscription", invoice["_subscription"])

    sandbox.advance(timedelta(days=15))

    assert invoice["attempt_count"] == 9
    assert invoice["next_payment_attempt"] is None
    assert subscription["status"] == "canceled"
    assert subscription["cancellation_details"]["reason"] == "payment_failed"


def test_events_of_a_failure_and_a_recovery_come_in_stripes_order(sandbox, client):
    inbox = Inbox()
    sandbox.add_endpoint("http://localhost/hook")
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
    deliverer = sandbox.deliver_to(inbox)
    deliverer.drain()
    failure = inbox.types[inbox.types.index("charge.failed") :]
    inbox.letters.clear()

    pay(client, invoice)
    deliverer.drain()

    assert failure == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.payment_failed",
        "invoice.updated",
        "customer.subscription.updated",
        "customer.updated",
    ]
    assert inbox.types == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "customer.subscription.updated",
        "customer.updated",
    ]
    updated = inbox.events[2]
    assert updated["data"]["previous_attributes"]["status"] == "open"
    assert updated["data"]["previous_attributes"]["amount_paid"] == 0
    assert updated["request"]["id"].startswith("req_")
