"""The operator's admin: every model of ours, readable, searchable, and nothing to break."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from apps.accounts.models import AuditEntry, Merchant, User
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


@pytest.fixture
def operator(client):
    user = User.objects.create_superuser("operator@example.com", "correct horse battery")
    client.force_login(user)
    return user


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_of_ours_can_be_read_and_searched(client, operator, model):
    assert client.get(address(model, "changelist"), {"q": "in_1"}).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_nothing_can_be_added_deleted_or_changed(rf, operator, model):
    request = rf.get("/")
    request.user = operator
    page = admin.site._registry[model]

    assert not page.has_add_permission(request)
    assert not page.has_delete_permission(request)
    assert model is Merchant or not page.has_change_permission(request)


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        (CaseFactory, "stripe_invoice_id"),
        (TransactionFactory, "stripe_id"),
        (SubscriptionFactory, "stripe_subscription_id"),
    ],
)
def test_rows_are_found_by_stripe_id_and_open_read_only(client, operator, factory, field):
    row, other = factory(), factory()

    found = client.get(address(type(row), "changelist"), {"q": getattr(row, field)})

    assert list(found.context["cl"].result_list) == [row]
    assert other not in found.context["cl"].result_list
    assert client.get(address(type(row), "change", row.pk)).status_code == 200
    assert client.post(address(type(row), "change", row.pk), {}).status_code == 403


def test_a_users_password_hash_is_not_shown(client, operator):
    html = client.get(address(User, "change", operator.pk)).content.decode()

    assert operator.email in html
    assert operator.password not in html


def test_the_kill_switch_is_the_one_thing_to_change_and_is_on_record(client, operator):
    merchant = MerchantFactory(name="Willow")
    values = {
        "name": "Changed",
        "stripe_account_id": "acct_other",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }

    response = client.post(address(Merchant, "change", merchant.pk), values)

    merchant.refresh_from_db()
    entry = AuditEntry.objects.get(action="merchant.charging")
    assert response.status_code == 302
    assert (merchant.name, merchant.charging_on) == ("Willow", False)
    assert (entry.actor, entry.before, entry.after) == (
        operator.email,
        {"charging_on": True},
        {"charging_on": False},
    )


def test_an_operator_signs_in_by_email(client):
    User.objects.create_superuser("operator@example.com", "correct horse battery")

    client.post(
        reverse("admin:login"),
        {"username": "operator@example.com", "password": "correct horse battery"},
    )

    assert client.get(reverse("admin:index")).status_code == 200


def test_beat_schedules_are_visible(client, operator):
    response = client.get(reverse("admin:django_celery_beat_periodictask_changelist"))

    assert response.status_code == 200
