"""`manage.py connect_stripe`: one command from a key to a working endpoint, or one helpful line."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.accounts.models import AuditEntry, Merchant
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.event_types import EVENT_TYPES
from sandbox import Clock, Sandbox
from sandbox.transport import SandboxHTTPClient

pytestmark = pytest.mark.django_db

SITE = "https://recoup.example"

READS = (
    "charges",
    "customers",
    "events",
    "invoice_payments",
    "invoices",
    "payment_intents",
    "payment_methods",
    "products",
    "subscriptions",
    "webhook_endpoints",
)
WRITES = (
    "checkout",
    "credit_notes",
    "customers",
    "invoices",
    "subscriptions",
    "webhook_endpoints",
)


@pytest.fixture
def sandbox(settings):
    local = Sandbox(clock=Clock())
    settings.GATEWAY_STRIPE_KEY = local.secret_key
    with gateway.use_http_client(SandboxHTTPClient(local)):
        yield local


@pytest.fixture
def merchant():
    return Merchant.objects.create(name="Studio")


def connect(*arguments: str) -> str:
    out = StringIO()
    call_command("connect_stripe", *arguments, stdout=out)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        connect(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_key_alone_is_checked(sandbox):
    said = connect()

    assert f"The key works: {sandbox.account}, test mode." in said
    assert sandbox.objects("webhook_endpoint") == []


def test_the_endpoint_is_made_at_our_version_with_our_events(sandbox, settings):
    said = connect("--url", SITE)

    (endpoint,) = sandbox.objects("webhook_endpoint")
    assert endpoint["url"] == f"{SITE}/webhooks/stripe/"
    assert endpoint["api_version"] == settings.STRIPE_API_VERSION
    assert tuple(endpoint["enabled_events"]) == EVENT_TYPES
    assert re.search(r"^STRIPE_WEBHOOK_SECRET=whsec_\w+$", said, re.MULTILINE)


def test_a_second_endpoint_at_the_same_address_is_not_made(sandbox):
    connect("--url", SITE)

    assert "already" in refusal("--url", SITE)
    assert len(sandbox.objects("webhook_endpoint")) == 1


def test_a_merchant_gets_the_account(sandbox, merchant):
    connect("--merchant", str(merchant.pk))

    merchant.refresh_from_db()
    assert merchant.stripe_account_id == sandbox.account
    assert not merchant.livemode
    assert AuditEntry.objects.get(merchant=merchant).action == "stripe.connected"


def test_connecting_the_same_merchant_again_is_harmless(sandbox, merchant):
    connect("--merchant", str(merchant.pk))

    assert "is connected" in connect("--merchant", str(merchant.pk))


def test_a_merchant_with_another_account_keeps_it(sandbox, merchant):
    Merchant.objects.filter(pk=merchant.pk).update(stripe_account_id="acct_other")

    assert "acct_other" in refusal("--merchant", str(merchant.pk))


def test_one_account_belongs_to_one_merchant(sandbox, merchant):
    Merchant.objects.create(name="First", stripe_account_id=sandbox.account)

    assert "another merchant" in refusal("--merchant", str(merchant.pk))


def test_a_platform_ties_a_merchant_to_a_connected_account(sandbox, merchant):
    account = sandbox.add_account(connected=True)

    connect("--merchant", str(merchant.pk), "--connected", account)

    merchant.refresh_from_db()
    assert (merchant.stripe_account_id, merchant.is_connected) == (account, True)


def test_an_account_that_is_not_connected_is_refused(sandbox, merchant):
    account = sandbox.add_account(connected=True)
    sandbox.disconnect(account)

    said = refusal("--merchant", str(merchant.pk), "--connected", account)

    assert "not connected" in said
    merchant.refresh_from_db()
    assert merchant.stripe_account_id == ""


def test_a_merchant_nobody_knows(sandbox):
    assert "no merchant 99" in refusal("--merchant", "99")


@pytest.mark.parametrize("url", ["recoup.example", "ftp://recoup.example", "https://"])
def test_what_is_no_address(sandbox, url):
    assert "https://" in refusal("--url", url)


def test_a_wrong_key(sandbox, settings):
    settings.GATEWAY_STRIPE_KEY = "sk_test_wrong"

    assert "STRIPE_SECRET_KEY" in refusal()


class TestRestrictedKeys:
    @pytest.fixture
    def restrict(self, sandbox, settings):
        def with_permissions(*names: str) -> None:
            settings.GATEWAY_STRIPE_KEY = sandbox.add_key(
                "rk_test_restricted", permissions=list(names)
            )

        return with_permissions

    def test_it_cannot_tell_its_account(self, restrict):
        restrict()

        assert "--account" in refusal()

    def test_it_says_what_it_may_not_read(self, restrict, sandbox):
        restrict("charges:read", "customers:read")

        said = refusal("--account", sandbox.account)

        assert "Invoices (read)" in said
        assert "Charges" not in said

    def test_it_says_what_it_may_not_write_and_changes_nothing(self, restrict, sandbox):
        everything = [f"{name}:read" for name in READS] + [f"{name}:write" for name in WRITES]
        restrict(*(one for one in everything if one != "checkout:write"))
        before = len(sandbox.books().all("event"))

        said = refusal("--account", sandbox.account)

        assert "The key lacks: Checkout Sessions (write)." in said
        assert len(sandbox.books().all("event")) == before
        restrict(*everything)
        assert "The key works" in connect("--account", sandbox.account)
        assert sandbox.books().all("checkout.session") == []
