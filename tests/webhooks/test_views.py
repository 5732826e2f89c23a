import json
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError

from apps import clock
from apps.webhooks import views
from apps.webhooks.models import DirtyObject, InboxEvent
from tests.webhooks.bodies import NOW, an_event, body_of, post
from tests.webhooks.world import SECRET

pytestmark = pytest.mark.django_db

GOOD = body_of(an_event())


@pytest.fixture(autouse=True)
def fixed(settings, monkeypatch):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_old", SECRET]
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(views, "wake", views._Wake())


@pytest.fixture
def sent(monkeypatch):
    messages = []
    # At the class: undone at the app itself, the method would stay there and hide later patches.
    monkeypatch.setattr(
        "celery.Celery.send_task", lambda self, name, **options: messages.append((name, options))
    )
    return messages


def test_a_signed_event_is_kept_with_one_insert(client, sent):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = post(client, GOOD)

    row = InboxEvent.objects.get()
    assert answer.status_code == 200
    assert [query["sql"].split()[0] for query in queries] == ["INSERT"]
    assert (row.stripe_event_id, row.type) == ("evt_1", "invoice.payment_failed")
    assert bytes(row.body) == GOOD
    assert row.status == InboxEvent.Status.PENDING
    assert (row.received_at, row.event_at) == (NOW, NOW)
    assert not DirtyObject.objects.exists()


def test_the_same_event_again_is_answered_and_kept_once(client):
    assert [post(client, GOOD).status_code for _ in range(3)] == [200] * 3
    assert InboxEvent.objects.count() == 1


def test_the_same_id_on_two_accounts_is_two_events(client):
    post(client, body_of(an_event(account="acct_a")))
    post(client, body_of(an_event(account="acct_b")))

    accounts = set(InboxEvent.objects.values_list("stripe_account_id", flat=True))
    assert accounts == {"acct_a", "acct_b"}


@pytest.mark.parametrize(
    "refused",
    [
        {"secret": "whsec_guessed"},
        {"at": NOW - timedelta(minutes=6)},
        {"at": NOW + timedelta(minutes=6)},
        {"Stripe-Signature": ""},
        {"Stripe-Signature": "t=now,v1=\u00e9"},
    ],
    ids=["another secret", "old", "from the future", "none", "nonsense"],
)
def test_a_bad_signature_makes_no_sql_statement_at_all(client, refused, sent):
    with CaptureQueriesContext(connection) as queries:
        answer = post(client, GOOD, **refused)

    assert answer.status_code == 400
    assert not queries.captured_queries
    assert not answer.cookies
    assert not sent


def test_a_body_over_one_megabyte_is_refused_without_sql(client):
    huge = body_of(an_event(padding="x" * views.MAX_BODY))

    with CaptureQueriesContext(connection) as queries:
        answer = post(client, huge)

    assert answer.status_code == 413
    assert not queries.captured_queries


def test_a_body_far_over_the_limit_is_not_even_read(client):
    assert post(client, b"x" * 4 * views.MAX_BODY).status_code == 413


def test_get_is_refused(client):
    assert client.get("/webhooks/stripe/").status_code == 405


def test_a_signed_in_visitor_changes_nothing(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("a@example.com"))

    with CaptureQueriesContext(connection) as queries:
        post(client, GOOD)

    assert len(queries) == 1


@pytest.mark.parametrize(
    ("body", "event_id", "account"),
    [
        (b"\xff\xfe not json", "sha256:", ""),
        (b"[]", "sha256:", ""),
        (b'{"id": "evt_9", "account": "acct_9"}', "evt_9", "acct_9"),
        (b'{"id": 7}', "sha256:", ""),
        (b"[" * 200_000, "sha256:", ""),
        (body_of(an_event(data={"object": None}, id="evt_8")), "evt_8", ""),
    ],
    ids=["bytes", "list", "no object", "odd id", "deep", "null object"],
)
def test_a_verified_body_nobody_can_read_is_kept_as_it_came(client, body, event_id, account):
    answer = post(client, body)

    row = InboxEvent.objects.get()
    assert answer.status_code == 200
    assert row.status == InboxEvent.Status.QUARANTINED
    assert bytes(row.body) == body
    assert row.stripe_event_id.startswith(event_id)
    assert row.stripe_account_id == account
    assert row.error.startswith("Unreadable: ")


def test_a_client_secret_is_not_kept(client):
    intent = {"id": "pi_1", "object": "payment_intent", "client_secret": 'pi_1_"planted'}
    event = an_event("payment_intent.succeeded", {**intent, "metadata": {"note": "client_secret"}})
    post(client, body_of(event))

    row = InboxEvent.objects.get()
    kept = json.loads(bytes(row.body))
    assert b"planted" not in bytes(row.body)
    assert kept["data"]["object"] == {**event["data"]["object"], "client_secret": None}
    assert row.status == InboxEvent.Status.PENDING


def test_odd_characters_do_not_lose_an_event(client):
    event = an_event(id="evt_\x00nul", type="invoice.\ud800paid", account="a" * 400)

    assert post(client, body_of(event)).status_code == 200
    assert InboxEvent.objects.get().stripe_event_id == "evt_nul"


def test_a_worker_is_woken_after_the_commit_by_a_task_that_exists(
    client, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        post(client, GOOD)

    [(name, options)] = sent
    current_app.loader.import_default_modules()
    assert name in current_app.tasks
    assert options["countdown"] == views.WAKE_AFTER


def test_a_flood_wakes_a_worker_once(client, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(50):
            post(client, body_of(an_event(id=f"evt_{number}")))

    assert len(sent) == 1
    assert InboxEvent.objects.count() == 50


def test_a_missing_broker_fails_nobody(client, monkeypatch, django_capture_on_commit_callbacks):
    def refuse(*_, **__):
        raise OperationalError("no broker")

    monkeypatch.setattr("celery.Celery.send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        answer = post(client, GOOD)

    assert answer.status_code == 200
    assert InboxEvent.objects.exists()
