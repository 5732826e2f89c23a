"""GET /api/v1/access/: one query, one merchant, JSON whatever goes wrong."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.integrations import limits
from apps.integrations.models import ApiToken
from apps.integrations.services import create_token
from apps.subscriptions.models import Subscription
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.integrations.factories import SUNDAY_NOON, ApiTokenFactory
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db

ADDRESS = reverse("api:access")
TOKEN = "recoup_secret_of_the_course_site"


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def merchant():
    return ApiTokenFactory(token=TOKEN, last_used_at=timezone.now()).merchant


def ask(client, customer="cus_1", offer="prod_1", token=TOKEN):
    params = {"customer": customer, "offer": offer}
    return client.get(ADDRESS, params, headers={"Authorization": f"Bearer {token}"})


def sell(merchant, **changes):
    ids = {"stripe_customer_id": "cus_1", "stripe_product_id": "prod_1"}
    return SubscriptionFactory(merchant=merchant, **ids | changes)


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        ("granted", True),
        ("banner", True),
        ("limited", True),
        ("revoked", False),
        ("kept", True),
        ("none", False),
    ],
)
def test_says_who_has_access(client, merchant, state, allowed):
    row = sell(merchant, access=state)

    response = ask(client)

    assert response.status_code == 200
    assert response.json() == {
        "customer": "cus_1",
        "offer": "prod_1",
        "allowed": allowed,
        "state": state,
        "subscription": row.stripe_subscription_id,
        "subscription_status": "active",
    }
    assert response["Cache-Control"] == "no-store"


def test_every_state_has_an_answer():
    assert set(Subscription.Access.values) == {
        "granted",
        "banner",
        "limited",
        "revoked",
        "kept",
        "none",
    }


def test_the_best_of_several_subscriptions_counts(client, merchant):
    sell(merchant, access="revoked", status="past_due")
    sell(merchant, access="granted")

    assert ask(client).json()["allowed"] is True


def test_a_plan_paid_to_its_end_keeps_access(client, merchant):
    sell(merchant, access="none", status="completed")

    assert ask(client).json()["state"] == "granted"


def many_customers(row, number=2_000) -> None:
    """Copy a subscription for other customers of its merchant, so that a scan does not pay."""
    own = {
        "stripe_subscription_id": "'sub_copy_' || n",
        "stripe_customer_id": "'cus_copy_' || n",
    }
    columns = [field.column for field in row._meta.local_fields if field.column != "id"]
    values = ", ".join(own.get(column, column) for column in columns)
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"  # noqa: S608
            f" FROM {table}, generate_series(1, %s) AS n WHERE id = %s",
            [number, row.pk],
        )
        cursor.execute(f"ANALYZE {table}")


def test_an_answer_is_one_query_on_indexes(client, merchant):
    many_customers(sell(merchant))
    ask(client)

    with CaptureQueriesContext(connection) as queries:
        assert ask(client).status_code == 200

    assert len(queries) == 1
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "subscription_by_customer" in plan
    assert "Seq Scan on subscriptions" not in plan


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer recoup_wrong"},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer "},
    ],
)
def test_without_a_token_it_is_401(client, merchant, headers):
    response = client.get(ADDRESS, {"customer": "cus_1", "offer": "prod_1"}, headers=headers)

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthorized"
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token_is_401(client, merchant):
    sell(merchant)
    ApiToken.objects.update(revoked_at=SUNDAY_NOON)

    assert ask(client).status_code == 401


def test_another_merchants_customer_is_404(client, merchant):
    sell(MerchantFactory())

    response = ask(client)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(("customer", "offer"), [("", "prod_1"), ("cus_1", ""), ("c" * 256, "p")])
def test_a_missing_parameter_is_400(client, merchant, customer, offer):
    response = ask(client, customer, offer)

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "missing_parameter"


def test_other_methods_are_405(client, merchant):
    assert client.post(ADDRESS).status_code == 405


def test_a_token_may_ask_so_often_and_then_waits(client, merchant, monkeypatch):
    monkeypatch.setattr("apps.integrations.views.api.PER_TOKEN", 2)
    sell(merchant)
    statuses = [ask(client).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert 0 < int(ask(client)["Retry-After"]) <= 60


def test_guessing_tokens_is_slowed_down(client, merchant, monkeypatch):
    monkeypatch.setattr("apps.integrations.views.api.UNKNOWN_PER_ADDRESS", 2)
    statuses = [ask(client, token=f"recoup_{n}").status_code for n in range(4)]

    assert statuses == [401, 401, 429, 429]
    assert limits.PER_TOKEN > limits.UNKNOWN_PER_ADDRESS


def test_the_token_is_kept_as_a_fingerprint_alone(client):
    merchant = MerchantFactory()
    token = create_token(merchant=merchant, name="Site", user=UserFactory(), now=SUNDAY_NOON)
    sell(merchant)

    assert ask(client, token=token).status_code == 200
    stored = ApiToken.objects.values().get()
    assert token not in str(stored)
    assert stored["hint"] == token[-4:]
    assert stored["last_used_at"] is not None
