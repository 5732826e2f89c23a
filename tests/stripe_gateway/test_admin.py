"""The operator sees the mirror, changes nothing, and meets no key."""

import datetime as dt

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse

from apps.stripe_gateway.admin import MIRRORED
from apps.stripe_gateway.mirror import keep, sync_backlog
from tests.stripe_gateway import shapes
from tests.stripe_gateway.fake_stripe import Account

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    client.force_login(get_user_model().objects.create_superuser("op@example.com", "x"))
    return client


def test_dj_stripes_own_pages_are_gone():
    shown = {model for model in admin.site._registry if model._meta.app_label == "djstripe"}

    assert shown == set(MIRRORED)
    assert not {"APIKey", "WebhookEndpoint", "WebhookEventTrigger", "IdempotencyKey"} & {
        model.__name__ for model in shown
    }


@pytest.mark.parametrize("kind", ["invoice", "customer"])
def test_a_mirrored_object_can_be_found_and_read(operator, stripe_api, kind):
    keep(account=Account(), answer=shapes.customer())
    keep(account=Account(), answer=shapes.invoice(customer="cus_1", parent=None))
    sync_backlog(now=dt.datetime.now(dt.UTC))

    page = operator.get(reverse(f"admin:djstripe_{kind}_changelist"), {"q": "_1"})
    row = page.context["cl"].result_list[0]
    record = operator.get(reverse(f"admin:djstripe_{kind}_change", args=[row.pk]))

    assert record.status_code == 200
    assert "cus_1" in record.content.decode()


@pytest.mark.parametrize("model", MIRRORED)
def test_nothing_can_be_added_or_changed(operator, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"

    assert operator.get(reverse(f"{name}_add")).status_code == 403
    assert operator.get(reverse(f"{name}_changelist")).status_code == 200
