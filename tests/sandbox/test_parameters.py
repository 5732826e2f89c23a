"""Parameters the library does not know are refused, those it knows are taken."""

import pytest
import stripe

from sandbox import parameters
from sandbox.errors import ApiError
from sandbox.router import ROUTES
from tests.sandbox.helpers import failed_renewal, pay

TAKEN = [
    ("InvoicePayParams", {"off_session": "true", "payment_method": "pm_1", "expand": ["a"]}),
    ("InvoiceListParams", {"created": {"gte": "1", "lt": "2"}, "status": "open", "limit": "3"}),
    ("SubscriptionCreateParams", {"items": [{"price": "p", "quantity": "2"}], "customer": "c"}),
    ("CustomerUpdateParams", {"invoice_settings": {"default_payment_method": "pm_1"}}),
    ("CustomerUpdateParams", {"metadata": {"any": "key", "at": "all"}}),
    ("checkout.SessionCreateParams", {"mode": "setup", "setup_intent_data": {"metadata": {}}}),
    ("EventListParams", {"types": ["invoice.paid"], "delivery_success": "false"}),
    ("InvoicePaymentListParams", {"payment": {"type": "x", "payment_intent": "pi_1"}}),
]
REFUSED = [
    ("InvoicePayParams", {"force": "true"}, "force"),
    ("InvoicePayParams", {"idempotency_key": "k"}, "idempotency_key"),
    ("InvoiceListParams", {"created": {"after": "1"}}, "created[after]"),
    ("SubscriptionCreateParams", {"items": [{"prize": "p"}]}, "items[0][prize]"),
    ("CustomerUpdateParams", {"invoice_settings": {"default": "pm"}}, "invoice_settings[default]"),
    (None, {"limit": "3"}, "limit"),
]


@pytest.mark.parametrize(("name", "params"), TAKEN)
def test_known_parameters_are_taken(name, params):
    parameters.check(params, name)


@pytest.mark.parametrize(("name", "params", "unknown"), REFUSED)
def test_unknown_parameters_are_refused_by_name(name, params, unknown):
    with pytest.raises(ApiError) as caught:
        parameters.check(params, name)

    assert (caught.value.status, caught.value.code) == (400, "parameter_unknown")
    assert caught.value.param == unknown
    assert not caught.value.stored


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.pattern}")
def test_every_endpoint_names_a_list_the_library_has(route):
    parameters.check({"expand": ["customer"]}, route.params)


def test_a_misspelling_reaches_the_caller_as_an_error(sandbox, client):
    invoice = failed_renewal(sandbox)

    with pytest.raises(stripe.InvalidRequestError, match="offsession"):
        pay(client, invoice, offsession=True)
