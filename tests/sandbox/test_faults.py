"""What goes wrong between caller and Stripe, on request."""

import pytest
import stripe

from sandbox import Fault, cards
from tests.sandbox.helpers import error_of, failed_renewal, pay


@pytest.fixture
def invoice(sandbox):
    return failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))


def test_a_timeout_after_the_charge_is_settled_by_the_same_key(sandbox, client, invoice):
    sandbox.faults.add(Fault.TIMEOUT_AFTER, method="POST", path="/v1/invoices/*/pay")
    with pytest.raises(stripe.APIConnectionError):
        pay(client, invoice, "key")
    assert invoice["status"] == "paid"

    assert pay(client, invoice, "key").status == "paid"
    succeeded = [item for item in sandbox.objects("charge") if item["status"] == "succeeded"]
    assert len([item for item in succeeded if item["_invoice"] == invoice["id"]]) == 1
    sandbox.judge.assert_clean()


def test_a_timeout_before_the_charge_leaves_everything_as_it_was(sandbox, client, invoice):
    sandbox.faults.add(Fault.TIMEOUT_BEFORE, path="*/pay")
    with pytest.raises(stripe.APIConnectionError):
        pay(client, invoice, "key")
    assert invoice["status"] == "open"

    assert pay(client, invoice, "key").status == "paid"


def test_a_500_may_hide_a_charge_that_was_made(sandbox, client, invoice):
    sandbox.faults.add(Fault.ERROR_500_AFTER, path="*/pay")

    with pytest.raises(stripe.APIError):
        pay(client, invoice, "key")

    assert invoice["status"] == "paid"


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (Fault.RATE_LIMIT, stripe.RateLimitError, "rate_limit"),
        (Fault.LOCK_TIMEOUT, stripe.RateLimitError, "lock_timeout"),
        (Fault.KEY_IN_USE, stripe.APIError, "idempotency_key_in_use"),
    ],
)
def test_passing_trouble_is_over_with_the_next_call(sandbox, client, invoice, fault, error, code):
    sandbox.faults.add(fault, path="*/pay")
    with pytest.raises(error) as caught:
        pay(client, invoice, "key")

    assert error_of(caught)["code"] == code
    assert pay(client, invoice, "key").status == "paid"


def test_a_fault_is_for_the_calls_it_names(sandbox, client, invoice):
    sandbox.faults.add(Fault.RATE_LIMIT, method="POST", path="*/pay", times=None)

    client.v1.invoices.retrieve(invoice["id"])
    for _ in range(3):
        with pytest.raises(stripe.RateLimitError):
            pay(client, invoice)
    sandbox.faults.clear()

    assert pay(client, invoice).status == "paid"


def test_two_calls_on_one_object_collide(sandbox, client, invoice):
    codes = []

    def meanwhile(_endpoint):
        sandbox.during_call = None
        with pytest.raises(stripe.RateLimitError) as caught:
            pay(client, invoice, "second")
        codes.append(error_of(caught)["code"])

    sandbox.during_call = meanwhile
    pay(client, invoice, "first")

    assert codes == ["lock_timeout"]
    assert [item.rule for item in sandbox.judge.violations] == ["M12"]
