import datetime as dt

import pytest
from celery import current_app
from django.db import OperationalError

from apps.accounts.models import Installation
from apps.overview.models import HEARTBEAT_FRESH, Heartbeat
from apps.overview.services import note_heartbeat
from tests.accounts.factories import MerchantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def _everybody_lives():
    Heartbeat.objects.create(name="worker", at=dt.datetime.now(dt.UTC))
    Heartbeat.objects.create(name="beat", at=dt.datetime.now(dt.UTC))


@pytest.mark.usefixtures("_everybody_lives")
def test_answers_200_while_everything_is_fresh(client):
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "failing": [],
        "parts": {"database": True, "broker": True, "worker": True, "beat": True},
        "seconds_since_webhook": None,
        "charging": "on",
    }


@pytest.mark.usefixtures("_everybody_lives")
def test_needs_no_session_and_three_queries(client, django_assert_num_queries):
    with django_assert_num_queries(3):
        response = client.get("/healthz")

    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("name", ["worker", "beat"])
@pytest.mark.usefixtures("_everybody_lives")
def test_names_the_process_that_went_silent(client, name):
    stale = dt.datetime.now(dt.UTC) - HEARTBEAT_FRESH - dt.timedelta(seconds=1)
    Heartbeat.objects.filter(name=name).update(at=stale)

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["failing"] == [name]


def test_fails_before_the_first_heartbeats(client):
    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["failing"] == ["worker", "beat"]


@pytest.mark.usefixtures("_everybody_lives")
def test_names_the_broker_nobody_answers_at(client, monkeypatch, unused_tcp_port):
    address = f"redis://127.0.0.1:{unused_tcp_port}/0"
    monkeypatch.setattr(current_app.conf, "broker_write_url", address)

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["failing"] == ["broker"]


def test_names_the_database_and_tells_nothing_more(client, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OperationalError("password of db.internal refused")

    monkeypatch.setattr(Heartbeat.objects, "values_list", refuse)

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["failing"] == ["database"]
    assert b"db.internal" not in response.content


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_moves_on(client):
    Heartbeat.objects.create(name="worker", at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))

    note_heartbeat(name="worker")
    note_heartbeat(name="beat")

    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("installation", "word"),
    [
        ({}, "on"),
        ({"charging_on": False}, "off"),
        ({"reconcile_since": dt.datetime(2026, 11, 2, tzinfo=dt.UTC)}, "reconciling"),
    ],
)
@pytest.mark.usefixtures("_everybody_lives")
def test_tells_whether_anybody_is_charged_and_is_well_without(client, installation, word):
    MerchantFactory()
    Installation.objects.update_or_create(pk=1, defaults=installation)

    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json()["charging"] == word
