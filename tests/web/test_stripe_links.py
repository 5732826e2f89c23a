import pytest

from apps.accounts.models import Merchant
from apps.web.stripe_links import object_url, place_url

OWN = Merchant(stripe_account_id="acct_1", livemode=True)
TEST = Merchant(stripe_account_id="acct_1")
CONNECTED = Merchant(stripe_account_id="acct_2", is_connected=True)


@pytest.fixture(autouse=True)
def _real_stripe(settings):
    settings.STRIPE_API_BASE = "https://api.stripe.com"


@pytest.mark.parametrize(
    ("stripe_id", "merchant", "url"),
    [
        ("in_1", OWN, "https://dashboard.stripe.com/invoices/in_1"),
        ("sub_1", TEST, "https://dashboard.stripe.com/test/subscriptions/sub_1"),
        ("ch_1", TEST, "https://dashboard.stripe.com/test/payments/ch_1"),
        ("cus_1", CONNECTED, "https://dashboard.stripe.com/acct_2/test/customers/cus_1"),
        ("none:1", OWN, ""),
        ("in_1", None, ""),
    ],
)
def test_an_object_is_found_in_its_account_and_mode(stripe_id, merchant, url):
    assert object_url(stripe_id, merchant) == url


def test_stripes_own_list_of_failures():
    url = "https://dashboard.stripe.com/payments?status%5B0%5D=failed"
    assert place_url("failed_payments", OWN) == url


def test_a_stand_in_has_no_dashboard(settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:8010"
    assert object_url("in_1", OWN) == place_url("revenue_recovery", OWN) == ""
