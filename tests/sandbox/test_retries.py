"""Stripe's own retries, its counters and its final actions."""

from datetime import timedelta

import pytest

from sandbox import cards
from sandbox.billing.retries import RetrySettings
from tests.sandbox.helpers import declined, failed_renewal, pay

DAY = 86_400


def subscription_of(sandbox, invoice):
    return sandbox.object("subscription", invoice["_subscription"])


def test_a_custom_schedule_counts_from_the_try_before(sandbox):
    sandbox.set_retries(RetrySettings(mode="custom", custom_days=(3, 5), subscription="past_due"))
    invoice = failed_renewal(sandbox)
    moments = [invoice["next_payment_attempt"]]

    while invoice["next_payment_attempt"]:
        sandbox.run_until(sandbox.next_due_at())
        if invoice["next_payment_attempt"] not in (None, moments[-1]):
            moments.append(invoice["next_payment_attempt"])

    first_try = moments[0] - 3 * DAY
    assert moments == [first_try + 3 * DAY, first_try + 8 * DAY]
    assert invoice["attempt_count"] == 3
    assert subscription_of(sandbox, invoice)["status"] == "past_due"


def test_smart_retries_stay_within_their_window(sandbox):
    sandbox.set_retries(RetrySettings(tries=4, within_days=7, subscription="unpaid"))
    invoice = failed_renewal(sandbox)
    first = invoice["_first_try"]

    sandbox.advance(timedelta(days=7, hours=1))

    tries = [
        item["created"] for item in sandbox.objects("charge") if item["_invoice"] == invoice["id"]
    ]
    assert len(tries) == 5
    assert max(tries) - first <= 7 * DAY
    assert subscription_of(sandbox, invoice)["status"] == "unpaid"
    assert invoice["status"] == "open"


def test_the_invoice_may_be_given_up_as_well(sandbox):
    sandbox.set_retries(
        RetrySettings(
            mode="custom", custom_days=(1,), subscription="cancel", invoice="uncollectible"
        )
    )
    invoice = failed_renewal(sandbox)

    sandbox.advance(timedelta(days=2))

    assert invoice["status"] == "uncollectible"
    assert subscription_of(sandbox, invoice)["status"] == "canceled"


def test_manual_calls_neither_count_nor_move_the_schedule(sandbox, client):
    invoice = failed_renewal(sandbox)
    before = (invoice["attempt_count"], invoice["next_payment_attempt"])

    declined(client, invoice)

    assert (invoice["attempt_count"], invoice["next_payment_attempt"]) == before


def test_a_first_manual_call_counts(sandbox, client):
    customer = sandbox.create_customer_with_card(
        behaviour=cards.declines("insufficient_funds", times=1)
    )
    client.v1.invoice_items.create({"customer": customer["id"], "amount": 900, "currency": "usd"})
    draft = client.v1.invoices.create(
        {"customer": customer["id"], "pending_invoice_items_behavior": "include"}
    )
    invoice = client.v1.invoices.finalize_invoice(draft.id)

    declined(client, invoice)
    paid = pay(client, invoice)

    assert paid.attempt_count == 1
    assert paid.next_payment_attempt is None


def test_auto_advance_false_stops_stripe(sandbox, client):
    invoice = failed_renewal(sandbox)

    client.v1.invoices.update(invoice["id"], {"auto_advance": False})
    sandbox.advance(timedelta(days=60))

    own = [item for item in sandbox.objects("charge") if item["_invoice"] == invoice["id"]]
    assert (invoice["attempt_count"], invoice["next_payment_attempt"]) == (1, None)
    assert len(own) == 1


def test_auto_advance_true_starts_it_again(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
    client.v1.invoices.update(invoice["id"], {"auto_advance": False})

    client.v1.invoices.update(invoice["id"], {"auto_advance": True})
    sandbox.advance(timedelta(hours=2))

    assert invoice["status"] == "paid"


@pytest.mark.parametrize("reason", ["lost_card", "stolen_card", "incorrect_number"])
def test_after_a_hard_decline_tries_are_counted_but_nothing_is_charged(sandbox, reason):
    invoice = failed_renewal(sandbox, cards.declines(reason))
    charges = len(sandbox.objects("charge"))

    sandbox.advance(timedelta(days=5))

    assert invoice["attempt_count"] > 1
    assert invoice["next_payment_attempt"] is not None
    assert len(sandbox.objects("charge")) == charges


def test_a_new_card_is_charged_at_the_next_planned_try(sandbox):
    invoice = failed_renewal(sandbox, cards.declines("lost_card"))

    sandbox.replace_card(invoice["customer"])
    sandbox.advance(timedelta(days=3))

    assert invoice["status"] == "paid"


def test_without_a_method_stripe_counts_and_tells(sandbox):
    customer = sandbox.create_customer_with_card()
    subscription = sandbox.subscribe(customer, sandbox.create_price())
    method = sandbox.objects("payment_method")[0]
    sandbox.books().get("customer", customer["id"])["invoice_settings"][
        "default_payment_method"
    ] = None
    charges = len(sandbox.objects("charge"))

    invoice = sandbox.renew(subscription)

    assert method["customer"] == customer["id"]
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert len(sandbox.objects("charge")) == charges
    assert "invoice.payment_failed" in [event["type"] for event in sandbox.objects("event")]


def test_automations_tell_the_next_time_later(sandbox):
    sandbox.set_automations(True)
    invoice = failed_renewal(sandbox)
    assert invoice["next_payment_attempt"] is None

    sandbox.advance(timedelta(minutes=15))

    assert invoice["next_payment_attempt"] is not None
    last = sandbox.objects("event")[-1]
    assert last["type"] == "invoice.updated"
    assert last["_before"] == {
        "next_payment_attempt": None,
        "_planned": invoice["next_payment_attempt"],
    }


def test_while_unpaid_new_invoices_stay_drafts(sandbox):
    sandbox.set_retries(RetrySettings(mode="custom", custom_days=(1,), subscription="unpaid"))
    invoice = failed_renewal(sandbox)
    sandbox.advance(timedelta(days=40))

    latest = sandbox.objects("invoice")[-1]

    assert latest["id"] != invoice["id"]
    assert (latest["status"], latest["attempt_count"]) == ("draft", 0)


def test_past_due_ends_with_the_latest_invoice_only(sandbox, client):
    sandbox.set_retries(RetrySettings(mode="custom", custom_days=(1,), subscription="past_due"))
    older = failed_renewal(sandbox)
    subscription = subscription_of(sandbox, older)
    latest = sandbox.renew(subscription)

    sandbox.customer_pays(older)
    assert subscription["status"] == "past_due"

    sandbox.customer_pays(latest)
    assert subscription["status"] == "active"
    assert sandbox.object("customer", older["customer"])["delinquent"] is False


def test_the_next_period_is_the_one_from_before_the_failure(sandbox):
    invoice = failed_renewal(sandbox)
    subscription = subscription_of(sandbox, invoice)
    end = subscription["items"]["data"][0]["current_period_end"]

    sandbox.advance(timedelta(days=4))
    sandbox.customer_pays(invoice)

    assert subscription["items"]["data"][0]["current_period_end"] == end
