"""Settings, the Stripe connection and preferences."""

import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.analytics.models import DayFigures, DayToCount
from apps.analytics.services import count_days
from apps.overview.connection import webhook_health
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import client as gateway
from apps.webhooks.models import DirtyObject, InboxEvent
from sandbox import Clock, Sandbox
from sandbox.transport import SandboxHTTPClient
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.recovery.factories import CaseFactory
from tests.stripe_gateway.fake_stripe import FakeStripe

pytestmark = pytest.mark.django_db

STRIPE = reverse("overview:stripe")
NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def member(client):
    member = MembershipFactory(merchant__is_connected=True)
    client.force_login(member.user)
    return member


@pytest.fixture
def merchant(member):
    return member.merchant


def an_event(merchant, *, ago=HOUR, delay=2, **values):
    received = NOW - ago
    return InboxEvent.objects.create(
        stripe_account_id=merchant.stripe_account_id if merchant.is_connected else "",
        stripe_event_id=f"evt_{InboxEvent.objects.count()}",
        body=b"{}",
        received_at=received,
        event_at=received - dt.timedelta(seconds=delay),
        **{"status": InboxEvent.Status.DONE} | values,
    )


def parked(merchant):
    return DirtyObject.objects.create(
        merchant=merchant,
        kind="invoice",
        stripe_id=f"in_{merchant.pk}",
        marked_at=NOW,
        not_before=DirtyObject.PARKED,
        error="gone",
    )


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_settings_open_with_recovery_each_with_its_state(client, member):
    page = text(client.get(reverse("overview:settings")))

    assert page.index("Retries Stripe retries; Recoup watches.") < page.index("Emails 0 of")
    assert page.index("Card updates") < page.index("Everything else")
    assert "Stripe connection" in page


class TestHealth:
    def test_it_tells_what_arrived_how_fast_and_what_did_not(self, merchant):
        for delay in (1, 3, 900):
            an_event(merchant, delay=delay)
        an_event(merchant, ago=30 * HOUR)
        an_event(merchant, from_sweep=True)
        an_event(merchant, status=InboxEvent.Status.QUARANTINED)
        an_event(MerchantFactory(is_connected=True), status=InboxEvent.Status.QUARANTINED)
        parked(merchant)

        health = webhook_health(merchant=merchant, now=NOW)

        assert health.last_at == NOW - HOUR
        assert (health.delivered, health.missed, health.failed, health.parked) == (4, 1, 1, 1)
        assert health.delay_seconds == 3

    def test_a_page_without_any_event_says_so(self, client, member):
        page = text(client.get(STRIPE))

        assert "Last event None yet" in page
        assert "Nothing has failed." in page


class TestReplay:
    def test_it_takes_this_merchants_failures_in_again_and_nobody_elses(self, client, merchant):
        other = MerchantFactory(is_connected=True)
        mine = an_event(merchant, status=InboxEvent.Status.QUARANTINED)
        theirs = an_event(other, status=InboxEvent.Status.QUARANTINED)
        fine = an_event(merchant)
        objects = [parked(one) for one in (merchant, other)]

        client.post(reverse("overview:replay"))

        for row in (mine, theirs, fine, *objects):
            row.refresh_from_db()
        assert mine.status == InboxEvent.Status.PENDING
        assert theirs.status == InboxEvent.Status.QUARANTINED
        assert fine.status == InboxEvent.Status.DONE
        assert [row.not_before == DirtyObject.PARKED for row in objects] == [False, True]
        entry = AuditEntry.objects.get(merchant=merchant)
        assert (entry.action, entry.after) == ("webhooks.replayed", {"events": 1, "objects": 1})


class TestPermissions:
    def test_it_names_what_the_key_may_not_do(self, client, merchant, settings):
        local = Sandbox(clock=Clock())
        merchant.is_connected, merchant.stripe_account_id = False, local.account
        merchant.save()
        settings.GATEWAY_STRIPE_KEY = local.add_key(
            "rk_test_restricted", permissions=["charges:read", "customers:read"]
        )

        with gateway.use_http_client(SandboxHTTPClient(local)):
            page = text(client.get(reverse("overview:stripe_permissions")))

        assert "The key lacks: Events (read), Invoice payments (read), Invoices (read)" in page
        assert "Charges (read) Granted" in page
        assert "Checkout Sessions (write) Missing" in page
        assert "rk_test" not in page

    def test_no_answer_is_no_permission(self, client, merchant):
        fake = FakeStripe()
        fake.answer("GET /v1/charges", {"error": {"message": "Down."}}, 500)

        with gateway.use_http_client(fake):
            page = text(client.get(reverse("overview:stripe_permissions")))

        assert "Stripe did not answer the question" in page
        assert "Granted" not in page


class TestDisconnect:
    ADDRESS = reverse("overview:disconnect")

    @pytest.fixture
    def stripe(self, settings):
        settings.STRIPE_CONNECT_CLIENT_ID = "ca_ours"
        fake = FakeStripe()
        with gateway.use_http_client(fake):
            yield fake

    def test_it_asks_then_gives_the_access_back(self, client, merchant, stripe):
        stripe.answer("POST /oauth/deauthorize", {"stripe_user_id": merchant.stripe_account_id})

        assert f"Disconnect {merchant.stripe_account_id}?" in text(client.get(self.ADDRESS))
        assert stripe.calls == []
        client.post(self.ADDRESS)

        merchant.refresh_from_db()
        assert merchant.detached_at == NOW
        assert merchant.stripe_account_id
        entry = AuditEntry.objects.get(merchant=merchant)
        assert entry.action == "merchant.detached"
        assert entry.user is not None
        assert "Connect again" in text(client.get(STRIPE))

    def test_what_was_taken_back_already_is_noted(self, client, merchant, stripe):
        stripe.answer("POST /oauth/deauthorize", {"error": "invalid_client"}, 401)

        client.post(self.ADDRESS)

        merchant.refresh_from_db()
        assert merchant.detached_at == NOW

    def test_without_an_answer_nothing_changes(self, client, merchant, stripe):
        stripe.answer("POST /oauth/deauthorize", {"error": {"message": "Down."}}, 500)

        page = text(client.post(self.ADDRESS, follow=True))

        merchant.refresh_from_db()
        assert merchant.detached_at is None
        assert "Nothing was changed" in page

    def test_an_own_key_has_nothing_to_disconnect(self, client, merchant, stripe):
        merchant.is_connected = False
        merchant.save()

        assert client.post(self.ADDRESS).status_code == 400
        assert "There is nothing to disconnect" in text(client.get(self.ADDRESS))
        assert stripe.calls == []


class TestPreferences:
    ADDRESS = reverse("overview:preferences")

    def test_another_zone_is_asked_about_and_all_days_are_counted_anew(self, client, merchant):
        # An hour before midnight in New York: the next day in Berlin.
        failed_at = dt.datetime(2026, 11, 18, 4, 0, tzinfo=dt.UTC)
        CaseFactory(merchant=merchant, failed_at=failed_at, opened_at=failed_at)
        DayFigures.objects.create(
            merchant=merchant, day=dt.date(2026, 11, 17), currency="usd", open=1
        )
        wanted = {"time_zone": "Europe/Berlin", "locale": "de_DE"}

        asked = text(client.post(self.ADDRESS, wanted))
        assert "Change the time zone to Europe/Berlin?" in asked
        assert not DayToCount.objects.exists()

        client.post(self.ADDRESS, wanted | {"confirmed": "1"})
        count_days()

        merchant.refresh_from_db()
        assert (merchant.time_zone, merchant.locale) == ("Europe/Berlin", "de_DE")
        (row,) = DayFigures.objects.filter(merchant=merchant)
        assert (row.day, row.open) == (dt.date(2026, 11, 18), 1)
        entry = AuditEntry.objects.get(merchant=merchant)
        assert entry.before["time_zone"] == "America/New_York"
        assert RecoveryCase.objects.get().failed_at == failed_at

    def test_numbers_alone_count_nothing_anew(self, client, merchant):
        CaseFactory(merchant=merchant)

        client.post(self.ADDRESS, {"time_zone": "America/New_York", "locale": "en_GB"})

        merchant.refresh_from_db()
        assert merchant.locale == "en_GB"
        assert not DayToCount.objects.exists()

    def test_a_place_nobody_knows_is_refused(self, client, merchant):
        answer = client.post(self.ADDRESS, {"time_zone": "Mars/Base", "locale": "en_US"})

        assert answer.status_code == 422
        assert "Error:" in text(answer)

    def test_a_viewer_changes_nothing(self, client, member):
        member.role = Role.VIEWER
        member.save()

        answer = client.post(self.ADDRESS, {"time_zone": "Europe/Berlin", "locale": "en_US"})

        assert answer.status_code == 403
