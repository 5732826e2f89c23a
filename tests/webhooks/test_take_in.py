import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import Merchant
from apps.webhooks import services
from apps.webhooks.models import DirtyObject, InboxEvent
from tests.webhooks.bodies import NOW, an_event, body_of

pytestmark = pytest.mark.django_db

Status = InboxEvent.Status


@pytest.fixture
def merchant():
    return Merchant.objects.create(name="Studio", stripe_account_id="acct_own")


def receive(*events: dict) -> None:
    for event in events:
        services.receive(body=body_of(event), now=NOW)


def taken(**fields) -> InboxEvent:
    receive(an_event(**fields))
    services.take_in(now=NOW)
    return InboxEvent.objects.latest("id")


def test_several_events_about_one_invoice_are_one_mark(merchant):
    receive(*(an_event(id=f"evt_{number}") for number in range(5)))

    assert services.take_in(now=NOW) == 5
    row = DirtyObject.objects.get()
    assert (row.merchant, row.kind, row.stripe_id) == (merchant, "invoice", "in_1")
    assert not InboxEvent.objects.pending().exists()


def test_a_later_event_raises_the_mark(merchant):
    taken(id="evt_1")
    taken(id="evt_2")

    assert DirtyObject.objects.get().mark == 2


def test_hints_of_several_events_add_up(merchant):
    card = {"id": "pm_1", "object": "payment_method", "customer": "cus_1"}
    taken(id="evt_1", type="payment_method.automatically_updated", subject=card)
    taken(id="evt_2", type="payment_method.attached", subject=card)

    hint = DirtyObject.objects.get().hint
    assert hint == {"changed_at": NOW.isoformat(), "by_network": True, "given": True}


def test_an_unknown_type_is_done_at_once(merchant):
    row = taken(type="balance.available", subject={"object": "balance"})

    assert row.status == Status.DONE
    assert not DirtyObject.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"account": "acct_stranger"}, "No merchant uses the account acct_stranger."),
        ({"livemode": True}, "A live mode event, but no merchant uses our own account"),
        (
            {"account": "acct_connected", "livemode": True},
            "A live mode event, but no merchant uses the account acct_connected",
        ),
    ],
)
def test_an_event_of_nobody_is_quarantined_in_words(merchant, fields, words):
    Merchant.objects.create(name="C", stripe_account_id="acct_connected", is_connected=True)

    row = taken(**fields)

    assert row.status == Status.QUARANTINED
    assert row.error.startswith(words)
    assert not DirtyObject.objects.exists()


def test_without_any_merchant_the_event_waits_in_quarantine():
    assert taken().error == "No merchant uses our own account."


def test_a_connected_accounts_event_belongs_to_its_merchant(merchant):
    connected = Merchant.objects.create(
        name="C", stripe_account_id="acct_connected", is_connected=True
    )
    taken(account="acct_connected")

    assert DirtyObject.objects.get().merchant == connected


def test_the_same_invoice_id_of_two_accounts_is_two_objects(merchant):
    Merchant.objects.create(name="C", stripe_account_id="acct_c", is_connected=True)
    receive(an_event(), an_event(account="acct_c"))
    services.take_in(now=NOW)

    assert DirtyObject.objects.filter(stripe_id="in_1").count() == 2


def test_a_poison_event_delays_no_other(merchant):
    receive(an_event(id="evt_1"))
    InboxEvent.objects.update(body=b"{")
    receive(an_event(id="evt_2"))

    services.take_in(now=NOW)

    first, second = InboxEvent.objects.order_by("id")
    assert (first.status, second.status) == (Status.QUARANTINED, Status.DONE)
    assert bytes(first.body) == b"{"


@pytest.mark.parametrize("odd", ["acct_\x00", "\ud800", "a" * 10_000])
def test_an_impossible_id_delays_no_other(merchant, odd):
    receive(
        an_event(id="evt_1", account=odd),
        an_event(id="evt_2", subject={"id": odd, "object": "invoice"}),
        an_event(id="evt_3", subject={"id": "ch_1", "object": "charge", "payment_intent": odd}),
        an_event(id="evt_4"),
    )

    assert services.take_in(now=NOW) == 4
    assert InboxEvent.objects.get(stripe_event_id="evt_1").status == Status.QUARANTINED
    assert DirtyObject.objects.filter(kind="invoice", stripe_id="in_1").exists()


def test_a_waiting_failure_is_not_hurried_by_new_events(merchant):
    taken(id="evt_1")
    row = DirtyObject.objects.get()
    row.failures, row.not_before = 3, row.not_before.replace(year=2100)
    row.save()

    taken(id="evt_2")

    assert DirtyObject.objects.get().not_before.year == 2100


def test_a_parked_object_gets_a_chance_with_a_new_event(merchant):
    taken(id="evt_1")
    DirtyObject.objects.update(failures=8, not_before=DirtyObject.PARKED)

    taken(id="evt_2")

    assert DirtyObject.objects.ready().exists()


def test_a_batch_costs_the_same_statements_whatever_its_size(
    merchant, django_assert_max_num_queries
):
    receive(
        *(
            an_event(id=f"evt_{n}", subject={"id": f"in_{n}", "object": "invoice"})
            for n in range(100)
        )
    )

    with django_assert_max_num_queries(6):
        assert services.take_in(now=NOW) == 100
    assert DirtyObject.objects.count() == 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    name=st.sampled_from(
        ["id", "type", "account", "livemode", "created", "data", "object", "api_version"]
    ),
    value=json_values,
    deep=st.booleans(),
)
def test_no_body_stops_the_queue(merchant, name, value, deep):
    event = an_event()
    if deep:
        event["data"]["object"][name] = value
        event["data"]["object"]["object"] = "charge"
        event["data"]["object"]["payment_intent"] = value
    else:
        event[name] = value

    services.receive(body=json.dumps(event).encode("utf-8", "surrogatepass"), now=NOW)
    services.take_in(now=NOW)

    assert not InboxEvent.objects.pending().exists()
