"""The gateway against the local Stripe: its answers, its refusals and its idempotency."""

import datetime as dt

import pytest
import stripe
from djstripe import models as djstripe

from apps.dunning.money import Money
from apps.stripe_gateway import client, errors, queries
from apps.stripe_gateway.connection import body_of
from apps.stripe_gateway.mirror import sync_backlog
from apps.stripe_gateway.models import MirrorBacklog
from apps.stripe_gateway.readers.invoices import invoice_facts
from apps.stripe_gateway.transport import http_client
from sandbox import Clock, Fault, Sandbox, cards
from sandbox.transport import SandboxHTTPClient
from tests.stripe_gateway.fake_stripe import Account

pytestmark = pytest.mark.django_db

MONDAY = dt.datetime(2026, 1, 5, 15, tzinfo=dt.UTC)
OLD_VERSION = "2025-02-24.acacia"


@pytest.fixture
def sandbox(settings):
    local = Sandbox(clock=Clock(start=MONDAY))
    settings.GATEWAY_STRIPE_KEY = local.secret_key
    with client.use_http_client(SandboxHTTPClient(local)):
        yield local


@pytest.fixture(params=["own", "connected"])
def account(request, sandbox):
    if request.param == "own":
        return Account(sandbox.account)
    return Account(sandbox.add_account(), is_connected=True)


def failed_renewal(sandbox: Sandbox, account: Account, behaviour: cards.Behaviour | None = None):
    """Make a customer whose first renewal fails; answer the invoice's id."""
    name = account.stripe_account_id
    payer = sandbox.create_customer_with_card(
        behaviour=cards.declines("insufficient_funds") if behaviour is None else behaviour,
        name="Ada Lovelace",
        email="ada@example.com",
        account=name,
    )
    price = sandbox.create_price(14_900, name="Gold", account=name)
    subscription = sandbox.subscribe(payer, price, account=name)
    return sandbox.renew(subscription, account=name)["id"]


def test_a_failed_renewal_is_read_whole(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)

    facts = client.read_invoice(account=account, invoice_id=invoice_id)

    assert (facts.status, facts.billing_reason) == ("open", "subscription_cycle")
    assert facts.amount_due == Money(14_900, "usd")
    assert facts.offer_name == "Gold"
    assert facts.next_payment_attempt is not None
    (tried,) = facts.tries
    assert tried.decline is not None
    assert tried.decline.reason == "insufficient_funds"
    assert tried.reached_network
    assert facts.method is not None
    assert facts.method == tried.method
    assert facts.method_field == "customer.invoice_settings.default_payment_method"
    assert facts.customer is not None
    assert facts.customer.email == "ada@example.com"
    assert facts.subscription is not None
    assert facts.subscription.status == "past_due"


def test_both_api_shapes_of_one_invoice_are_the_same_facts(sandbox):
    account = Account(sandbox.account)
    invoice_id = failed_renewal(sandbox, account)
    new = client.read_invoice(account=account, invoice_id=invoice_id)

    old = stripe.StripeClient(
        sandbox.secret_key, stripe_version=OLD_VERSION, http_client=SandboxHTTPClient(sandbox)
    ).v1.invoices.retrieve(
        invoice_id,
        {
            "expand": [
                "charge",
                "payment_intent",
                "subscription",
                "customer.invoice_settings.default_payment_method",
            ]
        },
    )

    names = {new.product_id: "Gold"}
    assert invoice_facts(body_of(old), product_names=names) == new


def test_paying_and_paying_again_with_the_same_key(sandbox, account):
    invoice_id = failed_renewal(sandbox, account, cards.declines("insufficient_funds", times=1))

    paid = client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")
    again = client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")

    assert paid == again
    assert paid.status == "paid"
    assert not paid.paid_out_of_band
    (collected,) = [one for one in paid.tries if one.status == "succeeded"]
    fresh = client.read_invoice(account=account, invoice_id=invoice_id)
    assert collected.charge_id in {one.charge_id for one in fresh.tries}
    assert [one.status for one in fresh.tries] == ["failed", "succeeded"]
    seen = next(one for one in fresh.tries if one.status == "succeeded")
    assert (seen.amount, seen.method) == (collected.amount, collected.method)


@pytest.mark.parametrize(
    "fault", [Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE, Fault.LOCK_TIMEOUT, Fault.RATE_LIMIT]
)
def test_after_trouble_the_same_key_charges_once(sandbox, account, fault):
    invoice_id = failed_renewal(sandbox, account, cards.declines("insufficient_funds", times=1))
    sandbox.faults.add(fault, method="POST", path="/v1/invoices/*/pay")
    with pytest.raises((errors.OutcomeUnknown, errors.Busy)):
        client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")

    paid = client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")

    fresh = client.read_invoice(account=account, invoice_id=invoice_id)
    assert paid.status == "paid"
    assert [one.status for one in fresh.tries] == ["failed", "succeeded"]
    sandbox.judge.assert_clean()


def test_a_decline_is_the_try_that_a_read_shows(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)

    with pytest.raises(errors.PaymentDeclined) as caught:
        client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")

    declined = caught.value
    facts = client.read_invoice(account=account, invoice_id=invoice_id)
    seen = facts.tries[-1]
    assert len(facts.tries) == 2
    assert seen.charge_id == declined.charge_id
    assert seen.payment_intent_id == declined.payment_intent_id
    assert seen.decline is not None
    assert seen.decline.reason == declined.decline.reason
    assert seen.method == declined.method


def test_a_key_used_with_other_parameters(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)
    with pytest.raises(errors.PaymentDeclined):
        client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")

    with pytest.raises(errors.KeyMismatch):
        client.pay_invoice(
            account=account, invoice_id=invoice_id, key="one-try", payment_method_id="pm_other"
        )


def test_an_invoice_that_is_paid_already(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)
    sandbox.customer_pays(invoice_id, account=account.stripe_account_id)

    with pytest.raises(errors.InvoiceNotOpen):
        client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")


@pytest.mark.parametrize("as_decline", [True, False])
def test_a_bank_that_asks_for_the_customer(sandbox, account, as_decline):
    behaviour = cards.needs_authentication(as_decline=as_decline)
    first = cards.declines("insufficient_funds", times=1)
    invoice_id = failed_renewal(sandbox, account, [*first, *behaviour])

    with pytest.raises(errors.NeedsAuthentication) as caught:
        client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")

    facts = client.read_invoice(account=account, invoice_id=invoice_id)
    assert (caught.value.decline is not None) == as_decline
    assert facts.requires_action != as_decline


def test_a_bank_debit_is_under_way(sandbox, account):
    name = account.stripe_account_id
    payer = sandbox.create_customer(account=name)
    bank = sandbox.create_bank_account(payer, account=name)
    subscription = sandbox.subscribe(
        payer,
        sandbox.create_price(account=name),
        account=name,
        default_payment_method=bank["id"],
    )
    invoice = sandbox.renew(subscription, account=name)

    facts = client.read_invoice(account=account, invoice_id=invoice["id"])

    assert facts.processing
    assert facts.method_field == "subscription.default_payment_method"
    assert facts.method is not None
    assert facts.method.type == "us_bank_account"
    assert [one.status for one in facts.tries] == ["pending"]


def test_the_mandate_of_a_bank_account_is_asked_for(sandbox, account):
    name = account.stripe_account_id
    payer = sandbox.create_customer(account=name)
    bank = sandbox.create_bank_account(payer, type="sepa_debit", account=name)
    subscription = sandbox.subscribe(
        payer, sandbox.create_price(account=name), account=name, default_payment_method=bank["id"]
    )
    invoice_id = sandbox.renew(subscription, account=name)["id"]

    before = client.read_invoice(account=account, invoice_id=invoice_id)
    sandbox.revoke_mandate(bank, account=name)
    after = client.read_invoice(account=account, invoice_id=invoice_id)

    assert (before.method.mandate, after.method.mandate) == ("active", "inactive")


def test_a_mandate_that_cannot_be_read_spoils_no_invoice(sandbox):
    account = Account(sandbox.account)
    payer = sandbox.create_customer()
    bank = sandbox.create_bank_account(payer)
    sandbox.books(None).get("payment_method", bank["id"])["_mandate"] = "mandate_none"
    subscription = sandbox.subscribe(
        payer, sandbox.create_price(), default_payment_method=bank["id"]
    )
    invoice_id = sandbox.renew(subscription)["id"]

    facts = client.read_invoice(account=account, invoice_id=invoice_id)

    assert (facts.method.type, facts.method.mandate) == ("us_bank_account", "")


@pytest.mark.parametrize("as_source", [False, True])
@pytest.mark.parametrize(
    "field",
    [
        "subscription.default_payment_method",
        "subscription.default_source",
        "customer.invoice_settings.default_payment_method",
        "customer.default_source",
    ],
)
def test_a_better_method_goes_where_the_failed_one_stood(sandbox, account, field, as_source):
    """A PaymentMethod goes into the field beside a source, which Stripe looks at first."""
    name = account.stripe_account_id
    invoice_id = failed_renewal(sandbox, account)
    facts = client.read_invoice(account=account, invoice_id=invoice_id)
    books = sandbox.books(name if account.is_connected else None)
    customer = books.get("customer", facts.customer_id)
    subscription = books.get("subscription", facts.subscription_id)
    owner, leaf = field.split(".", 1)
    old = facts.method.reference
    customer["invoice_settings"]["default_payment_method"] = None
    if leaf.startswith("invoice_settings"):
        customer["invoice_settings"]["default_payment_method"] = old
    else:
        (customer if owner == "customer" else subscription)[leaf] = old
    before = client.read_invoice(account=account, invoice_id=invoice_id)
    assert (before.method_field, before.method.reference) == (field, old)
    new = sandbox.create_card(customer, number="5555555555554444", account=name)
    if as_source and leaf == "default_source":
        new["id"] = "card_older"
        books.save(new)

    client.set_default_method(
        account=account,
        field=field,
        owner_id=(customer if owner == "customer" else subscription)["id"],
        payment_method_id=new["id"],
        key="better",
    )

    after = client.read_invoice(account=account, invoice_id=invoice_id)
    assert after.method.reference == new["id"]
    assert after.method_field.split(".")[0] == owner
    if new["id"] == "card_older":
        assert after.method_field == field


def test_the_tries_of_an_invoice_voided_before_anybody_looked(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)
    client.void_invoice(account=account, invoice_id=invoice_id, key="void")

    facts = client.read_invoice(account=account, invoice_id=invoice_id)

    assert facts.status == "void"
    assert [(one.status, one.decline.reason) for one in facts.tries] == [
        ("failed", "insufficient_funds")
    ]
    assert not facts.processing
    assert not facts.requires_action


def test_nothing_on_file(sandbox, account):
    name = account.stripe_account_id
    invoice_id = failed_renewal(sandbox, account)
    facts = client.read_invoice(account=account, invoice_id=invoice_id)
    assert facts.method is not None
    stripe.StripeClient(
        sandbox.secret_key, http_client=SandboxHTTPClient(sandbox)
    ).v1.payment_methods.detach(
        facts.method.reference,
        options={"stripe_account": name} if account.is_connected else {},
    )

    assert client.read_invoice(account=account, invoice_id=invoice_id).method is None
    with pytest.raises(errors.NoPaymentMethod):
        client.pay_invoice(account=account, invoice_id=invoice_id, key="one-try")


def test_taking_over_writing_off_and_ending(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)

    stopped = client.stop_stripe_retries(account=account, invoice_id=invoice_id, key="stop")
    written_off = client.mark_uncollectible(account=account, invoice_id=invoice_id, key="off")
    ended = client.cancel_subscription(
        account=account, subscription_id=stopped.subscription_id, key="end"
    )

    assert (stopped.auto_advance, stopped.next_payment_attempt) == (False, None)
    assert written_off.status == "uncollectible"
    assert ended.status == "canceled"
    assert ended.ended_at is not None


def test_a_payment_plan_counts_its_instalments(sandbox, account):
    name = account.stripe_account_id
    payer = sandbox.create_customer_with_card(account=name)
    plan = sandbox.subscribe_in_instalments(
        payer, sandbox.create_price(account=name), 6, account=name
    )

    facts = client.read_subscription(account=account, subscription_id=plan["id"])

    assert facts.installments_total == 6
    assert facts.schedule_id


def test_a_charge_finds_its_invoice(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)
    facts = client.read_invoice(account=account, invoice_id=invoice_id)

    charge = client.read_charge(account=account, charge_id=facts.tries[0].charge_id)

    assert charge.invoice_id == invoice_id
    assert charge.tried.charge_id == facts.tries[0].charge_id


def test_events_of_the_last_days(sandbox, account):
    failed_renewal(sandbox, account)
    wanted = ["invoice.payment_failed", "charge.failed"]

    found = client.list_events(account=account, since=MONDAY, types=wanted)

    assert sorted(event["type"] for event in found) == sorted(wanted)


def test_an_account_that_took_its_access_back(sandbox):
    gone = Account(sandbox.add_account(), is_connected=True)
    sandbox.disconnect(gone.stripe_account_id)

    with pytest.raises(errors.AccessDenied):
        client.read_customer(account=gone, customer_id="cus_1")


def test_an_object_nobody_knows(sandbox, account):
    with pytest.raises(errors.NotFound):
        client.read_invoice(account=account, invoice_id="in_none")


def test_the_mirror_gives_back_the_facts_that_were_read(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)
    read = client.read_invoice(account=account, invoice_id=invoice_id)

    sync_backlog(now=dt.datetime.now(dt.UTC))

    assert list(MirrorBacklog.objects.values_list("stripe_id", "error")) == []
    assert list(queries.stored_invoices(account=account)) == [read]
    assert list(queries.stored_subscriptions(account=account)) == [read.subscription]
    assert list(queries.stored_customers(account=account)) == [read.customer]
    assert list(queries.stored_charges_without_invoice(account=account)) == []
    other = Account("acct_other")
    assert list(queries.stored_invoices(account=other)) == []


def test_a_charge_without_an_invoice_comes_back_from_the_mirror(sandbox, account):
    name = account.stripe_account_id
    payer = sandbox.create_customer_with_card(account=name)
    charged = sandbox.charge_once(payer, 900, account=name)
    read = client.read_charge(account=account, charge_id=charged["id"])

    sync_backlog(now=dt.datetime.now(dt.UTC))

    assert read.invoice_id == ""
    assert list(queries.stored_charges_without_invoice(account=account)) == [read]


def test_a_warm_mirror_asks_stripe_nothing_and_skips_what_did_not_change(sandbox, account):
    invoice_id = failed_renewal(sandbox, account)
    client.read_invoice(account=account, invoice_id=invoice_id)
    sync_backlog(now=dt.datetime.now(dt.UTC))
    updated = djstripe.Customer.objects.get().djstripe_updated
    http = http_client()
    assert isinstance(http, SandboxHTTPClient)

    client.read_invoice(account=account, invoice_id=invoice_id)
    http.calls.clear()
    sync_backlog(now=dt.datetime.now(dt.UTC))

    assert not http.calls
    assert not MirrorBacklog.objects.exists()
    assert djstripe.Customer.objects.get().djstripe_updated == updated
