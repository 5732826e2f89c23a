"""The outbox: each mail once, nothing untrue, and no guess about what a server did."""

import smtplib
import threading
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from anymail.exceptions import AnymailAPIError
from django.core import mail as django_mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.utils import timezone

from apps.dunning_emails.models import BouncedAddress, Mail
from apps.dunning_emails.models.mails import MailQuerySet
from apps.dunning_emails.services import handing, sending
from apps.dunning_emails.services.delivery import note_delivery
from apps.dunning_emails.services.planning import plan_sequence
from apps.dunning_emails.transport import post
from sandbox import cards
from tests.dunning_emails.factories import MailFactory
from tests.recovery.factories import SUNDAY_NOON, CaseFactory
from tests.sandbox.server_process import free_port
from tests.story.world import DAY, HOUR

PROBLEM: list[BaseException] = []
ACCEPTED: list[str] = []


class Provider(BaseEmailBackend):
    """A provider that takes every message, and may lose its answer afterwards."""

    def send_messages(self, messages):
        if PROBLEM and isinstance(PROBLEM[0], AnymailAPIError | smtplib.SMTPException):
            error = PROBLEM.pop(0)
            if isinstance(error, smtplib.SMTPServerDisconnected):
                ACCEPTED.extend(one.extra_headers["Message-ID"] for one in messages)
            raise error
        ACCEPTED.extend(one.extra_headers["Message-ID"] for one in messages)
        if PROBLEM:
            raise PROBLEM.pop(0)
        return len(messages)


@pytest.fixture
def provider(settings):
    settings.EMAIL_BACKEND = f"{__name__}.Provider"
    PROBLEM.clear()
    ACCEPTED.clear()
    return ACCEPTED


def failing(shop, behaviour=None):
    shop.world.subscribe(behaviour or cards.declines("expired_card"))
    shop.world.advance(30 * DAY + 3 * HOUR)


@pytest.mark.parametrize(
    "problem", [TimeoutError("no answer"), smtplib.SMTPServerDisconnected("gone"), OSError("reset")]
)
def test_an_answer_lost_after_accepting_is_at_most_one_mail(shop, provider, problem):
    PROBLEM.append(problem)
    failing(shop)
    shop.world.advance(2 * DAY)

    mail = Mail.objects.get(step="failed_1")
    assert mail.status == "unknown"
    assert len(ACCEPTED) == 1
    event = shop.world.case.events.get(kind="mail_sent")
    assert "not sent a second time" in event.text


def test_a_server_that_says_later_is_asked_again(shop, provider):
    PROBLEM.append(smtplib.SMTPResponseException(451, b"try later"))
    failing(shop)
    shop.world.advance(2 * DAY)

    assert Mail.objects.get(step="failed_1").status == "sent"
    assert len(ACCEPTED) == 1


def test_a_server_that_never_answers_is_not_asked_for_ever(shop, provider):
    PROBLEM.extend(smtplib.SMTPResponseException(451, b"try later") for _ in range(30))
    failing(shop)
    shop.world.advance(3 * DAY)

    mail = Mail.objects.get(step="failed_1")
    assert (mail.status, mail.tries) == ("refused", 6)
    assert shop.world.case.events.filter(kind="mail_not_sent").exists()


def test_an_address_that_does_not_exist_ends_the_sequence(shop, provider):
    PROBLEM.append(smtplib.SMTPRecipientsRefused({"sofia@example.com": (550, b"no such user")}))
    failing(shop)
    shop.world.advance(12 * DAY)

    assert ACCEPTED == []
    assert BouncedAddress.objects.get().email == "sofia@example.com"
    assert "Ask the customer" in shop.world.case.events.get(kind="mail_bounced").text
    assert not Mail.objects.filter(status="scheduled").exists()


def test_a_bounce_told_later_ends_the_sequence(shop):
    failing(shop)
    shop.world.advance(DAY)
    mail = Mail.objects.get(step="failed_1")
    assert Mail.objects.filter(step="failed_2", status="scheduled").exists()

    for _ in range(2):
        note_delivery(
            provider_message_id=mail.provider_message_id, told="bounced", now=shop.world.now
        )
    shop.world.advance(14 * DAY)

    assert len(shop.inbox) == 1
    mail.refresh_from_db()
    assert mail.delivery == "bounced"
    assert shop.world.case.events.filter(kind="mail_bounced").count() == 1


def test_opened_and_delivered_are_noted_and_unknown_messages_ignored(shop):
    failing(shop)
    shop.world.advance(DAY)
    mail = Mail.objects.get(step="failed_1")

    for told in ("delivered", "opened", "clicked"):
        assert note_delivery(
            provider_message_id=mail.provider_message_id, told=told, now=shop.world.now
        )
    assert not note_delivery(provider_message_id="<who@knows>", told="opened", now=shop.world.now)

    mail.refresh_from_db()
    assert mail.delivery == "delivered"
    assert mail.opened_at
    assert mail.clicked_at


def test_paid_meanwhile_and_nobody_told_us_no_mail_says_failed(shop):
    shop.world.subscribe(cards.declines("insufficient_funds"))
    shop.world.advance(30 * DAY + 3 * HOUR)
    sent = len(shop.inbox)
    case = shop.world.case
    shop.world.post.switch("drop_for_ever")
    shop.world.sandbox.customer_pays(case.stripe_invoice_id)
    Mail.objects.filter(status="scheduled").update(due_at=shop.world.now)
    case.refresh_from_db()
    type(case).objects.update(checked_at=shop.world.now - HOUR)

    sending.send_due(now=shop.world.now)

    assert len(shop.inbox) == sent
    assert shop.world.case.status == "recovered"


def test_without_stripes_word_a_mail_waits(shop):
    failing(shop)
    Mail.objects.filter(status="scheduled").update(due_at=shop.world.now)
    shop.world.case.__class__.objects.update(checked_at=shop.world.now - HOUR)
    shop.world.sandbox.faults.add("timeout_before", method="GET", path="/v1/invoices/*", times=4)

    sending.send_due(now=shop.world.now)

    waiting = Mail.objects.filter(status="scheduled").first()
    assert waiting.due_at > shop.world.now


def test_several_failures_of_one_customer_are_one_mail(shop):
    world = shop.world
    sold = world.subscribe(cards.declines("expired_card"))
    price = world.sandbox.create_price(4_900, "usd", name="Sketchbook Club")
    world.sandbox.subscribe(sold["customer"], price)
    world.settle_down()
    world.advance(31 * DAY)

    assert world.merchant.cases.count() == 2
    assert len(shop.inbox) == 1
    body = shop.inbox[0].body
    assert "$198.00" in body
    assert "Studio Membership: $149.00" in body
    assert "Sketchbook Club: $49.00" in body
    assert sorted(Mail.objects.filter(step="failed_1").values_list("status", flat=True)) == [
        "bundled",
        "sent",
    ]
    for case in world.merchant.cases.all():
        assert case.events.filter(kind="mail_sent").count() == 1


def test_imported_cases_write_to_nobody(shop):
    shop.world.subscribe(cards.declines("expired_card"))
    shop.world.advance(30 * DAY + 3 * HOUR)
    before = len(shop.inbox)
    case = shop.world.case
    type(case).objects.update(source="import")

    shop.world.advance(12 * DAY)

    assert len(shop.inbox) == before


def test_a_new_merchant_writes_to_nobody(make_world, mailoutbox):
    world = make_world()
    world.choose()
    world.subscribe(cards.declines("expired_card"))
    world.advance(45 * DAY)

    assert mailoutbox == []
    assert not Mail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_a_mail_once(shop):
    shop.world.subscribe(cards.declines("expired_card"))
    shop.world.advance(30 * DAY + 3 * HOUR)
    row = Mail.objects.order_by("pk").first()
    django_mail.outbox.clear()
    Mail.objects.exclude(pk=row.pk).delete()
    Mail.objects.filter(pk=row.pk).update(
        status="scheduled", sent_at=None, due_at=shop.world.now, recipient=""
    )
    start = threading.Barrier(3)

    def work():
        try:
            start.wait()
            with post() as line:
                sending.send_mail(mail_id=row.pk, line=line, now=shop.world.now)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(django_mail.outbox) == 1


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ({"recipient": "a@x.com", "data": {"handed_at": SUNDAY_NOON.isoformat()}}, "unknown"),
        ({"recipient": "a@x.com", "status": "sent", "sent_at": SUNDAY_NOON}, "sent"),
    ],
    ids=["hands it over", "has sent it"],
)
def test_a_worker_taken_for_dead_that_writes_meanwhile_is_believed(
    db, monkeypatch, written, becomes
):
    late = timezone.now() - timedelta(minutes=5)
    mail = MailFactory(case=CaseFactory(), status="sending", lease_until=late)
    update = MailQuerySet.update

    def after_the_worker(rows, **changes):
        monkeypatch.setattr(MailQuerySet, "update", update)
        Mail.objects.filter(pk=mail.pk).update(**written)
        return rows.update(**changes)

    monkeypatch.setattr(MailQuerySet, "update", after_the_worker)
    handing.settle_lost()

    mail.refresh_from_db()
    assert mail.status == becomes


class Keeper:
    """Takes mail over SMTP and keeps it."""

    def __init__(self) -> None:
        self.messages: list = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append(envelope)
        return "250 OK"


@pytest.fixture
def smtp(settings):
    keeper = Keeper()
    controller = Controller(keeper, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = controller.port
    yield keeper
    controller.stop()


def test_mail_goes_through_a_real_mail_server(shop, smtp):
    failing(shop)
    shop.world.advance(timedelta(days=1))

    (envelope,) = smtp.messages
    text = envelope.content.decode()
    assert envelope.rcpt_tos == ["sofia@example.com"]
    assert "From: Willow Studio <recoup@example.com>" in text
    assert "Auto-Submitted: auto-generated" in text
    assert "multipart/alternative" in text
    assert "List-Unsubscribe" not in text
    assert Mail.objects.get(step="failed_1").provider_message_id in text


def test_while_a_case_is_on_hold_no_mail_of_its_sequence_waits(db):
    held = CaseFactory(
        stripe_customer_id="cus_1",
        hold="person",
        held_at=SUNDAY_NOON,
        held_by="ada@example.com",
        next_step="held",
    )
    mail = MailFactory(case=held)

    assert plan_sequence(case=held, now=SUNDAY_NOON) is None

    mail.refresh_from_db()
    assert (mail.status, mail.why) == ("dropped", "The case is on hold.")
