"""What was read reaches dj-stripe's tables, under the right account and without a secret."""

import datetime as dt

import pytest
import stripe
from django.db import connection
from djstripe import models as djstripe
from psycopg import sql

from apps.stripe_gateway import client
from apps.stripe_gateway.mirror import keep, sync_backlog
from apps.stripe_gateway.models import MirrorBacklog
from apps.stripe_gateway.tasks import mirror
from apps.stripe_gateway.transport import stand_in
from tests.stripe_gateway import shapes
from tests.stripe_gateway.fake_stripe import Account, FakeStripe, listed

pytestmark = pytest.mark.django_db

OWN = Account()
CONNECTED = Account("acct_2", is_connected=True)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def payer(name: str) -> shapes.Obj:
    return shapes.customer(name=name, invoice_settings={})


def read_renewal(api: FakeStripe, account: Account) -> None:
    """Read a failed renewal through the gateway; Stripe knows the rest too."""
    api.answer("GET /v1/invoices/in_1", shapes.invoice())
    api.answer("GET /v1/charges", listed(shapes.charge()))
    api.answer("GET /v1/products/prod_1", {"id": "prod_1", "object": "product", "name": "Gold"})
    api.answer("GET /v1/products/prod_1/features", listed())
    client.read_invoice(account=account, invoice_id="in_1")


@pytest.mark.parametrize("account", [OWN, CONNECTED], ids=["own", "connected"])
def test_a_read_fills_the_mirror(stripe_api, account):
    read_renewal(stripe_api, account)

    sync_backlog(now=now())

    assert list(MirrorBacklog.objects.values_list("stripe_id", "error")) == []
    for model in (
        djstripe.Customer,
        djstripe.Subscription,
        djstripe.PaymentIntent,
        djstripe.Charge,
        djstripe.Invoice,
    ):
        (row,) = model.objects.all()
        assert row.djstripe_owner_account_id == account.stripe_account_id
    invoice = djstripe.Invoice.objects.get()
    assert invoice.stripe_data["payments"]["data"][0]["payment"]["payment_intent"]["id"] == "pi_1"


def test_a_newer_read_takes_the_place_of_an_older_one(stripe_api):
    keep(account=OWN, answer=payer("Old"))
    keep(account=OWN, answer=payer("New"))

    sync_backlog(now=now())
    keep(account=OWN, answer=payer("Newest"))
    sync_backlog(now=now())

    assert djstripe.Customer.objects.get().stripe_data["name"] == "Newest"


def test_no_secret_is_readable_in_any_table(stripe_api, settings):
    settings.GATEWAY_STRIPE_KEY = "sk_test_planted" + "0" * 20
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_planted"]
    read_renewal(stripe_api, OWN)
    read_renewal(stripe_api, CONNECTED)

    sync_backlog(now=now())
    read_renewal(stripe_api, OWN)

    tables = {table for table in _tables() if _text_of(table).count("planted")}
    assert tables == set()
    assert djstripe.APIKey.objects.count() == 2


def test_what_dj_stripe_asks_goes_out_with_the_real_key_and_account(stripe_api, settings):
    stripe_api.answer("GET /v1/customers/cus_9", shapes.customer(id="cus_9"))
    key = stand_in.key_for(CONNECTED)

    stripe.Customer.retrieve("cus_9", api_key=key)

    (call,) = stripe_api.calls
    assert call.headers["Authorization"] == f"Bearer {settings.GATEWAY_STRIPE_KEY}"
    assert call.headers["Stripe-Account"] == "acct_2"


def test_secrets_are_taken_out_of_what_dj_stripe_reads(stripe_api):
    stripe_api.answer("GET /v1/payment_intents/pi_1", shapes.intent())

    answer = stripe.PaymentIntent.retrieve("pi_1", api_key=stand_in.key_for(OWN))

    assert "client_secret" not in answer


def test_the_account_is_answered_here(stripe_api):
    answer = stripe.Account.retrieve(api_key=stand_in.key_for(CONNECTED))

    assert answer.id == "acct_2"
    assert stripe_api.calls == []


def test_any_other_key_is_refused(stripe_api, settings):
    for key in (settings.GATEWAY_STRIPE_KEY, settings.STRIPE_SECRET_KEY):
        with pytest.raises(Exception, match="stands for no account"):
            stripe.Customer.retrieve("cus_1", api_key=key)

    assert stripe_api.calls == []


class TestFailures:
    def test_a_failure_stays_in_its_row_and_waits(self, stripe_api):
        keep(account=OWN, answer={"object": "charge", "id": "ch_1", "customer": "cus_gone?"})
        at = now()

        done = sync_backlog(now=at)

        row = MirrorBacklog.objects.get()
        assert done == 0
        assert row.failures == 1
        assert row.error
        assert row.not_before == at + dt.timedelta(minutes=1)
        assert sync_backlog(now=at) == 0

    def test_without_stripe_a_run_ends_with_the_first_row(self, stripe_api):
        away = stripe.APIConnectionError("timed out")
        for name in ("ch_1", "ch_2"):
            keep(account=OWN, answer=shapes.charge(name, customer=f"cus_{name}"))
            stripe_api.fail(f"GET /v1/customers/cus_{name}", away)

        assert sync_backlog(now=now()) == 0

        assert sorted(MirrorBacklog.objects.values_list("failures", flat=True)) == [0, 1]

    def test_the_next_read_tries_again_at_once(self, stripe_api):
        keep(account=OWN, answer={"object": "customer", "id": "cus_1", "created": "never"})
        sync_backlog(now=now())
        assert MirrorBacklog.objects.get().failures == 1

        keep(account=OWN, answer=payer("Ada"))

        assert sync_backlog(now=now()) == 1
        assert not MirrorBacklog.objects.exists()

    def test_a_read_that_comes_in_between_is_mirrored_next(self, stripe_api, monkeypatch):
        keep(account=OWN, answer=payer("First"))
        synced = djstripe.Customer.sync_from_stripe_data

        def interrupted(answer, api_key):
            monkeypatch.setattr(djstripe.Customer, "sync_from_stripe_data", synced)
            keep(account=OWN, answer=payer("Second"))
            return synced(answer, api_key=api_key)

        monkeypatch.setattr(djstripe.Customer, "sync_from_stripe_data", interrupted)
        sync_backlog(now=now())

        assert MirrorBacklog.objects.get().answer["name"] == "Second"

    def test_a_row_another_worker_took_is_left_to_it(self, stripe_api):
        keep(account=OWN, answer=payer("Ada"))
        MirrorBacklog.objects.update(not_before=now() + dt.timedelta(minutes=5))

        assert sync_backlog(now=now()) == 0


class TestKeeping:
    def test_nothing_is_kept_when_the_mirror_is_off(self, settings):
        settings.MIRROR_STRIPE = False

        keep(account=OWN, answer=payer("Ada"))

        assert not MirrorBacklog.objects.exists()

    def test_nothing_is_kept_for_an_account_without_a_name(self):
        keep(account=Account(""), answer=payer("Ada"))

        assert not MirrorBacklog.objects.exists()

    def test_deleted_objects_and_other_kinds_are_left_out(self):
        keep(account=OWN, answer={"object": "customer", "id": "cus_1", "deleted": True})
        keep(account=OWN, answer={"object": "event", "id": "evt_1"})

        assert not MirrorBacklog.objects.exists()

    def test_one_statement_for_everything_in_an_answer(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            keep(account=OWN, answer=shapes.invoice(), charges=[shapes.charge()])


def test_the_task_is_named_as_beat_calls_it(stripe_api):
    keep(account=OWN, answer=payer("Ada"))

    mirror()

    assert mirror.name == "stripe_gateway.mirror"
    assert djstripe.Customer.objects.count() == 1


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        return connection.introspection.table_names(cursor)


def _text_of(table: str) -> str:
    query = sql.SQL("SELECT coalesce(json_agg(t), '[]')::text FROM {} t")
    with connection.cursor() as cursor:
        cursor.execute(query.format(sql.Identifier(table)))
        return str(cursor.fetchone()[0])
