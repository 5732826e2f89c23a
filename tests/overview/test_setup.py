"""Set up: its steps, the list of good health, and Connect's way there and back."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.overview.models import SetupNote
from apps.retry_settings.services import OBSERVE, save_rules
from apps.stripe_gateway import client as gateway
from apps.webhooks.models import ImportRun, InboxEvent
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.stripe_gateway.fake_stripe import FakeStripe

pytestmark = pytest.mark.django_db

SETUP = reverse("overview:setup")
LIST = reverse("overview:setup_checklist")
NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def member(client):
    member = MembershipFactory(merchant__stripe_account_id="")
    client.force_login(member.user)
    return member


@pytest.fixture
def merchant(member):
    return member.merchant


@pytest.fixture
def stripe(settings):
    settings.STRIPE_CONNECT_CLIENT_ID = "ca_ours"
    settings.PUBLIC_URL = "https://recoup.example"
    fake = FakeStripe()
    with gateway.use_http_client(fake):
        yield fake


def done(client) -> list[str]:
    return [step.key for step in client.get(SETUP).context["setup"].steps if step.is_done]


def an_event(merchant, **values):
    return InboxEvent.objects.create(
        stripe_account_id="",
        stripe_event_id=f"evt_{InboxEvent.objects.count()}",
        body=b"{}",
        received_at=NOW,
        **values,
    )


def test_each_step_is_done_by_what_happened(client, member, merchant):
    assert done(client) == []

    merchant.stripe_account_id = "acct_1"
    merchant.save()
    an_event(merchant, from_sweep=True)  # fetched, so that the endpoint proves nothing yet
    assert done(client) == ["connect"]

    an_event(merchant)
    assert done(client) == ["connect", "events"]

    run = ImportRun.objects.create(merchant=merchant, started_at=NOW, worked_at=NOW)
    assert done(client) == ["connect", "events"]
    ImportRun.objects.filter(pk=run.pk).update(finished_at=NOW)
    assert done(client) == ["connect", "events", "import"]

    save_rules(merchant=merchant, rules=OBSERVE, expected_version=0, user=member.user, now=NOW)
    assert client.get(SETUP).url == reverse("overview:home")


def test_without_connect_there_is_one_command_and_no_key(client, merchant, settings):
    settings.GATEWAY_STRIPE_KEY = "rk_test_secretsecretsecret"
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_secretsecret"]

    page = client.get(SETUP).content.decode()

    assert f"connect_stripe --merchant {merchant.pk}" in page
    assert "secretsecret" not in page
    assert "Connect with Stripe" not in page


def test_history_is_brought_in_from_a_chosen_day(client, merchant):
    merchant.stripe_account_id = "acct_1"
    merchant.save()

    client.post(reverse("overview:begin_import"), {"months": "12"})

    run = ImportRun.objects.get(merchant=merchant)
    assert run.since.date() == dt.date(2025, 11, 18)
    assert "Import history</h2>" in client.get(SETUP).content.decode()


def test_a_running_import_asks_for_its_progress_again(client, merchant):
    merchant.stripe_account_id = "acct_1"
    merchant.save()
    run = ImportRun.objects.create(
        merchant=merchant, started_at=NOW, worked_at=NOW, phase=ImportRun.Phase.INVOICES
    )
    run.cursors.create(phase="invoices", done=1240, about=5000)

    page = client.get(SETUP, headers={"HX-Request": "true"}).content.decode()

    assert "1,240 of about 5,000 payments" in page
    assert 'hx-trigger="every 5s"' in page
    assert "<html" not in page

    ImportRun.objects.filter(pk=run.pk).update(finished_at=NOW)
    assert "hx-trigger" not in client.get(SETUP, headers={"HX-Request": "true"}).content.decode()


def test_history_may_be_left_out(client, merchant):
    client.post(reverse("overview:say"), {"key": "import", "looked": "1"})

    assert "import" in done(client)


class TestChecklist:
    def test_what_somebody_looked_at_is_kept_and_on_record(self, client, member):
        client.post(reverse("overview:say"), {"key": "network_tokens", "looked": "1"})

        note = SetupNote.objects.get(merchant=member.merchant)
        assert (note.key, note.said_by) == ("network_tokens", member.user.email)
        entry = AuditEntry.objects.get(merchant=member.merchant)
        assert (entry.action, entry.subject) == ("setup.said", "network_tokens")
        points = {point.key: point.state for point, _ in client.get(LIST).context["points"]}
        assert points["network_tokens"] == "ok"
        assert points["backup_method"] == "todo"

    def test_it_can_be_taken_back(self, client, member):
        for looked in ("1", "1", "0"):
            client.post(reverse("overview:say"), {"key": "backups", "looked": looked})

        assert not SetupNote.objects.exists()
        assert AuditEntry.objects.filter(merchant=member.merchant).count() == 2

    def test_what_follows_from_settings_cannot_be_said(self, client, member):
        answer = client.post(reverse("overview:say"), {"key": "stripe_retries", "looked": "1"})

        assert answer.status_code == 400

    def test_a_viewer_reads_it_and_says_nothing(self, client, member):
        member.role = Role.VIEWER
        member.save()

        page = client.get(LIST).content.decode()

        assert "Network tokens" in page
        assert "It is done" not in page


class TestConnect:
    def set_out(self, client) -> dict[str, list[str]]:
        return parse_qs(urlsplit(client.get(SETUP).context["connect_url"]).query)

    def come_back(self, client, **query):
        return client.get(reverse("overview:connected"), query, follow=True)

    def test_one_button_leads_to_stripe_and_back(self, client, merchant, stripe):
        stripe.answer(
            "POST /oauth/token",
            {
                "stripe_user_id": "acct_theirs",
                "livemode": False,
                "access_token": "sk_test_theirs",
                "refresh_token": "rt_theirs",
            },
        )

        asked = self.set_out(client)
        page = self.come_back(client, code="ac_1", state=asked["state"][0])

        assert asked["client_id"] == ["ca_ours"]
        assert asked["redirect_uri"] == ["https://recoup.example/setup/connected/"]
        merchant.refresh_from_db()
        assert (merchant.stripe_account_id, merchant.is_connected) == ("acct_theirs", True)
        assert "Stripe is connected." in page.content.decode()
        (entry,) = AuditEntry.objects.filter(merchant=merchant)
        assert (entry.action, entry.subject) == ("stripe.connected", "acct_theirs")
        assert "theirs" not in str(entry.after) + str(entry.before)

    @pytest.mark.parametrize("state", ["", "forged", "of somebody else"])
    def test_a_state_that_is_not_this_persons_is_refused(self, client, member, stripe, state):
        if state == "of somebody else":
            other = MembershipFactory(merchant=member.merchant)
            state = signing.dumps([member.merchant.pk, other.user.pk], salt="recoup.connect")

        assert self.come_back(client, code="ac_1", state=state).status_code == 400
        assert stripe.calls == []

    def test_an_account_of_another_merchant_is_refused(self, client, merchant, stripe):
        MerchantFactory(stripe_account_id="acct_taken")
        stripe.answer("POST /oauth/token", {"stripe_user_id": "acct_taken", "livemode": False})

        page = self.come_back(client, code="ac_1", state=self.set_out(client)["state"][0])

        assert "belongs to another merchant already. Try again." in page.content.decode()
        merchant.refresh_from_db()
        assert merchant.stripe_account_id == ""

    def test_the_other_mode_is_refused(self, client, merchant, stripe):
        stripe.answer("POST /oauth/token", {"stripe_user_id": "acct_live", "livemode": True})

        self.come_back(client, code="ac_1", state=self.set_out(client)["state"][0])

        merchant.refresh_from_db()
        assert merchant.stripe_account_id == ""

    def test_whoever_says_no_comes_back_unconnected(self, client, merchant, stripe):
        page = self.come_back(client, error="access_denied")

        assert "nobody agreed there" in page.content.decode()
        assert stripe.calls == []

    def test_a_used_code_says_so(self, client, merchant, stripe):
        stripe.answer(
            "POST /oauth/token",
            {"error": "invalid_grant", "error_description": "Code was used."},
            400,
        )

        page = self.come_back(client, code="ac_1", state=self.set_out(client)["state"][0])

        assert "Stripe was not connected" in page.content.decode()
