import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.customer_payments.models import Access
from apps.customer_payments.services import save_settings, settings_for
from tests.accounts.factories import MembershipFactory, UserFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

PAGE = reverse("customer_payments:settings")
SAVE = reverse("customer_payments:save")
NOON = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_has_kajabis_place_and_words(client, merchant):
    page = text(client.get(PAGE))

    assert "Customer Payments" in page
    assert "Revoke and grant access" in page
    assert "Revoke access after the first failed payment" in page
    assert "Grant access again when the payment succeeds" in page
    assert "For subscriptions and payment plans." in page
    assert "Neither change triggers your grant automations" in page
    assert "Covers payments that are charged through Stripe." in page


def test_both_are_off_on_day_one(client, merchant):
    assert "checked" not in client.get(PAGE).content.decode()


def test_save_keeps_both_and_who_set_them(client, merchant):
    response = client.post(
        SAVE, {"version": 0, "revoke_on_failure": "on", "grant_on_success": "on"}
    )

    page = client.get(response["Location"])
    assert "Saved." in text(page)
    assert page.content.decode().count(" checked") == 2
    assert settings_for(merchant).revoke_on_failure
    assert AuditEntry.objects.get(action="customer_payments.save").merchant == merchant


def test_a_box_left_empty_is_off(client, merchant):
    client.post(SAVE, {"version": 0, "revoke_on_failure": "on", "grant_on_success": "on"})

    client.post(SAVE, {"version": 1, "grant_on_success": "on"})

    stored = settings_for(merchant)
    assert (stored.revoke_on_failure, stored.grant_on_success) == (False, True)


def test_counts_who_is_past_due_and_that_they_keep_access(client, merchant):
    for number in (1, 2, 2):
        CaseFactory(
            merchant=merchant,
            stripe_customer_id=f"cus_{number}",
            stripe_subscription_id=f"sub_{number}",
        )
    CaseFactory(merchant=merchant, stripe_customer_id="cus_3", kind="one_off")
    CaseFactory(stripe_customer_id="cus_4")  # another merchant's
    Access.objects.create(
        merchant=merchant,
        stripe_customer_id="cus_2",
        stripe_product_id="prod_1",
        stripe_subscription_id="sub_2",
        state="revoked",
        changed_at=NOON,
    )

    page = text(client.get(PAGE))

    assert "2 customers are past due now. 1 of them has lost access." in page
    assert "it takes access from nobody who is past due already" in page


def test_two_people_editing_see_both_and_choose(client, merchant):
    save_settings(
        merchant=merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        expected_version=0,
        user=UserFactory(email="ana@example.com"),
        now=NOON,
    )

    refused = client.post(SAVE, {"version": 0})

    page = text(refused)
    assert refused.status_code == 422
    assert "ana@example.com changed these settings while you were editing." in page
    assert "revoke after the first failure, grant on success." in page
    assert settings_for(merchant).revoke_on_failure

    client.post(SAVE, {"version": refused.context["form"]["version"].value()})

    assert not settings_for(merchant).revoke_on_failure


def test_a_forged_version_is_an_error_and_no_crash(client, merchant):
    assert client.post(SAVE, {"version": "x"}).status_code == 422


def test_those_who_may_not_save_read_only(client, merchant):
    client.force_login(MembershipFactory(merchant=merchant, role=Role.VIEWER).user)

    html = client.get(PAGE).content.decode()

    assert html.count(" disabled") == 3  # the hidden version field and both boxes
    assert "Only owners and admins may change these settings." in html
    assert "data-save-bar" not in html
