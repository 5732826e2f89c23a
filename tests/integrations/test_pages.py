"""Settings > Webhooks and Settings > Access API."""

import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.integrations.models import ApiToken, Delivery, WebhookEndpoint
from apps.integrations.secrets import digest_of, signing_secret
from tests.accounts.factories import MembershipFactory
from tests.integrations.factories import (
    SUNDAY_NOON,
    ApiTokenFactory,
    DeliveryFactory,
    OutgoingEventFactory,
    WebhookEndpointFactory,
)

pytestmark = pytest.mark.django_db

URL = "http://localhost:8123/hooks"


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: SUNDAY_NOON)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_a_token_is_shown_once(client, merchant):
    made = text(client.post(reverse("api_tokens:create"), {"name": "Course site"}))
    token = re.search(r"recoup_[\w-]{40,}", made).group()

    assert ApiToken.objects.get(digest=digest_of(token)).merchant == merchant
    again = text(client.get(reverse("api_tokens:list")))
    assert token not in again
    assert "Course site" in again
    assert f"…{token[-4:]}" in again


def test_a_token_without_a_name_is_not_made(client, merchant):
    assert client.post(reverse("api_tokens:create"), {"name": " "}).status_code == 422
    assert not ApiToken.objects.exists()


def test_revoking_a_token_asks_first(client, merchant):
    token = ApiTokenFactory(merchant=merchant)
    address = reverse("api_tokens:revoke", args=[token.pk])
    assert "Revoke “Course site”" in text(client.get(address))

    client.post(address)

    token.refresh_from_db()
    assert token.revoked_at == SUNDAY_NOON
    assert AuditEntry.objects.filter(action="api_token.revoke").exists()


def test_an_endpoints_secret_is_shown_once(client, merchant):
    page = text(client.post(reverse("outgoing:add"), {"url": URL, "events": ["access.revoked"]}))
    endpoint = WebhookEndpoint.objects.get()
    secret = signing_secret(endpoint_id=endpoint.pk, number=1)

    assert secret in page
    assert endpoint.events == ["access.revoked"]
    for name in ("outgoing:list", "outgoing:endpoint"):
        args = [endpoint.pk] if name == "outgoing:endpoint" else []
        assert secret not in text(client.get(reverse(name, args=args)))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/hooks", "Use an address that begins with https://."),
        ("https://127.0.0.1:8/x", None),
        ("https://[::ffff:10.0.0.1]/", "This address leads into a private network."),
        ("https://10.0.0.1/", "This address leads into a private network."),
        ("", "This field is required."),
    ],
)
def test_an_address_that_we_do_not_send_to_comes_back(client, merchant, settings, url, message):
    settings.WEBHOOKS_MAY_GO_TO_LOCALHOST = False

    response = client.post(reverse("outgoing:add"), {"url": url})

    assert response.status_code == 422
    assert (message or "private network") in text(response)
    assert response.context["form"]["url"].value() == url
    assert not WebhookEndpoint.objects.exists()


def test_all_events_chosen_are_all_events(client, merchant):
    endpoint = WebhookEndpointFactory(merchant=merchant, events=["access.revoked"])
    page = client.get(reverse("outgoing:endpoint", args=[endpoint.pk]))
    kinds = [value for value, _ in page.context["form"].fields["events"].choices]

    client.post(reverse("outgoing:change", args=[endpoint.pk]), {"url": URL, "events": kinds})

    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events) == (URL, [])


def test_a_new_secret_is_shown_once_after_asking(client, merchant):
    endpoint = WebhookEndpointFactory(merchant=merchant)
    address = reverse("outgoing:rotate", args=[endpoint.pk])
    assert "Make a new signing secret?" in text(client.get(address))

    page = text(client.post(address))

    assert signing_secret(endpoint_id=endpoint.pk, number=2) in page


def test_disable_enable_and_test(client, merchant):
    endpoint = WebhookEndpointFactory(merchant=merchant)
    for verb, said in (
        ("test", "A test event is on its way"),
        ("disable", "Disabled. Nothing is sent there."),
        ("test", "The endpoint is disabled."),
        ("enable", "Enabled, from now on."),
    ):
        page = client.post(reverse(f"outgoing:{verb}", args=[endpoint.pk]), follow=True)
        assert said in text(page)

    assert Delivery.objects.get().status == "canceled"


def test_a_delivery_shows_what_was_sent_and_answered(client, merchant):
    delivery = DeliveryFactory(
        endpoint__merchant=merchant,
        event=OutgoingEventFactory(merchant=merchant, payload={"type": "access.revoked"}),
        status="failed",
        settled_at=SUNDAY_NOON,
        log=[{"at": "2026-11-22T17:00:00+00:00", "status": 503, "ms": 12, "error": "It said 503."}],
    )
    address = reverse("outgoing:delivery", args=[delivery.pk])

    page = text(client.get(address))
    assert '"type": "access.revoked"' in page
    assert "It said 503." in page

    again = client.post(reverse("outgoing:replay", args=[delivery.pk]), follow=True)
    assert "On its way again, with the same id." in text(again)


def test_what_recoup_disabled_is_said_there_and_at_home(client, merchant):
    WebhookEndpointFactory(
        merchant=merchant,
        disabled_at=SUNDAY_NOON,
        disabled_by="Recoup",
        disabled_why="Nothing arrived for days.",
    )

    page = client.get(reverse("outgoing:list"))

    assert "Nothing arrived for days." in text(page)
    assert "Recoup disabled a webhook endpoint" in text(client.get(reverse("overview:home")))


def test_viewers_read_and_change_nothing(client, merchant):
    endpoint = WebhookEndpointFactory(merchant=merchant)
    client.force_login(MembershipFactory(merchant=merchant, role=Role.VIEWER).user)

    for name, args in (("outgoing:list", []), ("outgoing:endpoint", [endpoint.pk])):
        html = client.get(reverse(name, args=args)).content.decode()
        assert "Add endpoint" not in html
        assert "Send test" not in html
