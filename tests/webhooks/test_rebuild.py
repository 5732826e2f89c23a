"""The read models can be thrown away: rebuilt from the mirror they are the same, row by row."""

import random

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Model
from django.utils import timezone

from apps.customer_payments.models import Access
from apps.customers.models import Customer, PaymentMethod
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.stripe_gateway.mirror import sync_backlog
from apps.stripe_gateway.models import MirrorBacklog
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks.pace import Pace
from apps.webhooks.services.importing import go_on, start_import
from apps.webhooks.services.rebuilding import rebuild
from sandbox import cards
from tests.accounts.factories import MerchantFactory
from tests.customers.factories import CustomerFactory
from tests.story.conftest import make_world
from tests.story.world import DAY, HOUR

__all__ = ["make_world"]

MODELS: tuple[type[Model], ...] = (Customer, PaymentMethod, Subscription, Transaction)
OURS_ALONE: tuple[type[Model], ...] = (RecoveryCase, Attempt, Try, CaseEvent, Access)


def tables() -> dict[str, list[dict]]:
    """Every column of every row of the read models."""
    return {one.__name__: list(one._default_manager.order_by("id").values()) for one in MODELS}


def ours_alone() -> dict[str, list[dict]]:
    return {one.__name__: list(one._default_manager.order_by("id").values()) for one in OURS_ALONE}


def differences(before: list[dict], after: list[dict]) -> list:
    """Name each column that is not the same, for a message that can be read."""
    rows, again = ({row["id"]: row for row in table} for table in (before, after))
    return [
        (key, name, row[name], again.get(key, {}).get(name))
        for key, row in rows.items()
        for name in row
        if again.get(key, {}).get(name) != row[name]
    ] + [("new", *again[key].values()) for key in again.keys() - rows.keys()]


def live(world, seed: int) -> None:
    """A story of everything: failures of all kinds, each seed in its own order of events."""
    chance = random.Random(seed)  # noqa: S311 - a story, no secret
    world.choose()
    world.post.switch("duplicate")
    world.post.switch("shuffle")
    behaviours = [
        cards.declines("insufficient_funds", times=1),
        cards.declines("stolen_card"),
        cards.needs_authentication(),
        cards.updated_by_network(),
        cards.pays(),
    ]
    chance.shuffle(behaviours)
    sold = [
        world.subscribe(one, instalments=3 if chance.random() < 0.3 else 0) for one in behaviours
    ]
    world.until_the_renewal_failed()
    customers = [one["customer"] for one in sold]
    # The mirror is never quite up to date: what it has now is old at the end.
    sync_backlog(now=timezone.now(), limit=chance.randrange(200))
    world.ask("POST", f"/v1/customers/{customers[0]}", {"name": "Sofia Bianchi"})
    world.sandbox.charge_once(customers[1], 700)
    if chance.random() < 0.5:
        world.sandbox.replace_card(customers[2])
    world.settle_down()
    world.advance(4 * DAY)
    paid = Try.objects.filter(status="succeeded").order_by("stripe_charge_id").first()
    world.sandbox.refund(paid.stripe_charge_id)
    if chance.random() < 0.5:
        world.ask("DELETE", f"/v1/subscriptions/{sold[3]['id']}")
    world.ask("DELETE", f"/v1/customers/{customers[4]}")
    world.settle_down()
    world.advance(chance.randrange(1, 40) * DAY + HOUR)


@pytest.mark.parametrize(("seed", "mirrored"), [(0, 10_000), (1, 0), (2, 40), (3, 10_000), (4, 20)])
def test_a_rebuild_changes_no_column_of_any_row(make_world, seed, mirrored):
    """Whether the mirror has all of it, or newer answers still wait for it."""
    world = make_world()
    live(world, seed)
    sync_backlog(now=timezone.now(), limit=mirrored)
    assert MirrorBacklog.objects.exists() == (mirrored < 10_000)
    before, untouched = tables(), ours_alone()
    world.calls()

    rebuild(merchant=world.merchant, now=world.now)

    for name, rows in tables().items():
        assert differences(before[name], rows) == []
    assert ours_alone() == untouched
    assert world.calls() == {}


def test_an_import_is_rebuilt_the_same(make_world):
    world = make_world()
    world.post.switch("drop_for_ever")
    for behaviour in (cards.declines("insufficient_funds", times=2), cards.pays()):
        sold = world.subscribe(behaviour)
    world.sandbox.charge_once(sold["customer"], 700)
    world.advance(70 * DAY)
    run = start_import(merchant=world.merchant, now=world.now)
    go_on(run_id=run.pk, now=world.now, pace=Pace(1000), seconds=60)
    before = tables()
    assert len(before["Transaction"]) > 6
    world.calls()

    sync_backlog(now=timezone.now(), limit=10_000)
    mirroring = world.calls()
    rebuild(merchant=world.merchant, now=world.now)

    for name, rows in tables().items():
        assert differences(before[name], rows) == []
    # The mirror asks for prices alone: everything else was listed before what points at it.
    assert not {call for call in mirroring if "payment" in call or "customer" in call}


@pytest.fixture
def small(make_world):
    world = make_world()
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    return world


def test_tables_that_were_lost_come_back(small):
    before = {name: len(rows) for name, rows in tables().items()}
    for model in MODELS:
        model._default_manager.all().delete()

    call_command("rebuild_read_models")

    assert {name: len(rows) for name, rows in tables().items()} == before
    assert small.transaction.status == "retrying"
    assert small.subscription.access == "revoked"
    assert small.subscription.case_id == small.case.pk


def test_what_is_read_after_a_rebuild_is_written(small):
    for model in MODELS:
        model._default_manager.all().delete()
    rebuild(merchant=small.merchant, now=small.now)

    small.until_the_next_try()

    assert small.transaction.status == "recovered"


def test_rows_the_mirror_does_not_have_are_not_thrown_away(small):
    invoice_id = small.transaction.stripe_id
    MirrorBacklog.objects.filter(stripe_id=invoice_id).delete()
    before = tables()

    with pytest.raises(CommandError, match=f"nothing was changed.*{invoice_id}") as refused:
        call_command("rebuild_read_models")

    assert "\n" not in str(refused.value)
    assert tables() == before
    call_command("rebuild_read_models", forget_missing=True)
    assert not Transaction.objects.filter(stripe_id=invoice_id).exists()


def test_only_the_merchant_named_is_rebuilt(small):
    other = MerchantFactory(stripe_account_id="acct_other")
    CustomerFactory(merchant=other)

    call_command("rebuild_read_models", merchant=small.merchant.pk)

    assert Customer.objects.filter(merchant=other).count() == 1
    with pytest.raises(CommandError, match="no merchant 0"):
        call_command("rebuild_read_models", merchant=0)
