"""The mail provider's notices, as django-anymail takes them in."""

import json
from base64 import b64encode
from types import SimpleNamespace

import pytest
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused
from anymail.signals import EventType
from django.urls import include, path

from apps.dunning_emails.models import BouncedAddress, Mail
from apps.dunning_emails.receivers import take_notice
from apps.dunning_emails.transport import _judged
from tests.dunning_emails.factories import MailFactory
from tests.recovery.factories import SUNDAY_NOON

pytestmark = pytest.mark.django_db

urlpatterns = [path("webhooks/mail/", include("anymail.urls"))]


@pytest.fixture
def sent():
    return MailFactory(
        status="sent",
        sent_at=SUNDAY_NOON,
        recipient="Sofia@example.com",
        provider_message_id="msg-1",
    )


@pytest.mark.urls(__name__)
def test_a_notice_with_the_secret_is_taken_and_one_without_is_not(client, settings, sent):
    settings.ANYMAIL = {"WEBHOOK_SECRET": "user:password"}
    body = json.dumps(
        {
            "RecordType": "Bounce",
            "MessageID": "msg-1",
            "Type": "HardBounce",
            "TypeCode": 1,
            "Email": "sofia@example.com",
            "BouncedAt": "2026-11-22T17:05:00Z",
        }
    )
    address = "/webhooks/mail/postmark/tracking/"

    refused = client.post(address, body, content_type="application/json")
    assert refused.status_code == 400
    assert not BouncedAddress.objects.exists()

    secret = b64encode(b"user:password").decode()
    taken = client.post(
        address,
        body,
        content_type="application/json",
        headers={"Authorization": f"Basic {secret}"},
    )

    assert taken.status_code == 200
    assert Mail.objects.get().delivery == "bounced"
    assert BouncedAddress.objects.get().email == "sofia@example.com"


@pytest.mark.parametrize(
    ("told", "delivery"),
    [
        (EventType.DELIVERED, "delivered"),
        (EventType.BOUNCED, "bounced"),
        (EventType.REJECTED, "bounced"),
        (EventType.COMPLAINED, "complained"),
        (EventType.DEFERRED, ""),
        (EventType.QUEUED, ""),
    ],
)
def test_notices_mean_what_they_say(sent, told, delivery):
    take_notice(None, SimpleNamespace(event_type=told, message_id="msg-1"))

    sent.refresh_from_db()
    assert sent.delivery == delivery


@pytest.mark.parametrize(
    ("status", "outcome"), [(400, "refused"), (422, "refused"), (429, "later"), (500, "unknown")]
)
def test_an_answer_of_the_providers_api_is_judged(status, outcome):
    error = AnymailAPIError("no")
    error.status_code = status

    assert _judged(error).outcome == outcome


def test_no_answer_is_unknown_and_a_refused_person_is_a_bad_address():
    assert _judged(AnymailAPIError("timed out")).outcome == "unknown"
    assert _judged(AnymailRecipientsRefused("nobody there")).outcome == "bad_address"
