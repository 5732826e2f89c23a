import datetime as dt

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.analytics.models import AlertSettings
from tests.accounts.factories import MembershipFactory
from tests.analytics.factories import AlertFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)
ALERTS, SETTINGS = reverse("overview:alerts"), reverse("overview:alert_settings")
CHOICES = {
    "retry_success_percent": "40",
    "retry_success_sample": "25",
    "silent_hours": "6",
    "mails_alerts": "on",
}


@pytest.fixture
def merchant(client, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    membership = MembershipFactory()
    client.force_login(membership.user)
    return membership.merchant


def test_nothing_is_wrong(client, merchant):
    assert "Nothing is wrong." in client.get(ALERTS).content.decode()


def test_open_ones_say_what_to_do_and_cleared_ones_stay(client, merchant):
    AlertFactory(
        merchant=merchant,
        kind="spike",
        key="reason:processing_error",
        text="Processing error: 12 failures.",
        is_critical=False,
    )
    AlertFactory(merchant=merchant, text="Silent once.", cleared_at=NOW)
    AlertFactory(text="Somebody else's.")

    page = client.get(ALERTS).content.decode()

    assert "/sales/recovery/?period=7&amp;reason=processing_error" in page
    assert "Silent once." in page
    assert "Somebody else" not in page


@pytest.mark.parametrize(
    ("kind", "key", "leads_to"),
    [
        ("retry_success", "", "/analytics/?period=7#tries"),
        ("spike", "country:BR", "/analytics/?period=30#countries"),
        ("late_attempts", "", "view=retrying"),
        ("involuntary", "critical", "/settings/retries/"),
        ("mail_bouncing", "", "view=attention"),
        ("webhook_off", "12", "/settings/webhooks/12/"),
        ("key_refused", "", "Check the endpoint."),
    ],
)
def test_each_kind_leads_somewhere(client, merchant, kind, key, leads_to):
    alert = AlertFactory(merchant=merchant, kind=kind, key=key)

    assert leads_to in client.get(reverse("overview:alert", args=[alert.pk])).content.decode()


def test_the_page_of_one_shows_the_evidence(client, merchant):
    evidence = {"last_event_at": "2026-11-21T11:00:00+00:00", "late": 3}
    alert = AlertFactory(merchant=merchant, evidence=evidence)

    page = client.get(reverse("overview:alert", args=[alert.pk])).content.decode()

    assert alert.todo in page
    assert "Sat, Nov 21, 6:00 AM EST" in page
    assert "Retries that are late" in page


def test_thresholds_are_kept_and_on_record(client, merchant):
    response = client.post(SETTINGS, CHOICES)

    assert response.status_code == 302
    stored = AlertSettings.objects.get(merchant=merchant)
    assert (stored.retry_success_percent, stored.silent_hours) == (40, 6)
    entry = AuditEntry.objects.get(action="alert_settings.save")
    assert (entry.before["silent_hours"], entry.after["silent_hours"]) == (24, 6)

    client.post(SETTINGS, CHOICES)
    assert AuditEntry.objects.filter(action="alert_settings.save").count() == 1


def test_nonsense_is_said_and_nothing_kept(client, merchant):
    response = client.post(SETTINGS, CHOICES | {"silent_hours": "0"})

    assert response.status_code == 422
    assert not AlertSettings.objects.exists()


def test_others_than_owners_and_admins_only_look(client, merchant):
    client.force_login(MembershipFactory(merchant=merchant, role=Role.SUPPORT).user)

    assert "Only owners and admins" in client.get(SETTINGS).content.decode()
    assert client.post(SETTINGS, CHOICES).status_code == 403
    assert not AlertSettings.objects.exists()
