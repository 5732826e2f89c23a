"""What sets off an alert for a merchant, what does not, and who is told."""

import datetime as dt
import uuid

import pytest
from django.core import mail

from apps.accounts.models import Role
from apps.accounts.services import record_audit
from apps.analytics.models import Alert, AlertSettings, DayBreakdown, DayFigures, DayToCount
from apps.dunning.metrics.alerts import Thresholds
from apps.integrations.models import Delivery
from apps.integrations.services import enable
from apps.overview.models import InvariantCheck
from apps.overview.tasks import watch as watch_task
from apps.overview.watch import mail_alerts, watch, watch_everybody
from apps.overview.watched import watched
from apps.recovery.models import Attempt
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import AccessDenied
from apps.webhooks import services as webhooks
from apps.webhooks.models import ImportRun, InboxEvent
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.dunning_emails.factories import MailFactory
from tests.integrations.factories import WebhookEndpointFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 22)
DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)


@pytest.fixture
def merchant():
    merchant = MerchantFactory()
    connected(merchant, NOW - 90 * DAY)
    return merchant


def connected(merchant, at):
    record_audit(merchant=merchant, user=None, action="stripe.connected", at=at)


def look(merchant, now=NOW):
    watch(merchant=merchant, now=now, real_now=now)
    return sorted(Alert.objects.for_merchant(merchant).open().values_list("kind", "key"))


def facts(merchant):
    return watched(merchant=merchant, thresholds=Thresholds(), now=NOW, real_now=NOW)


def figures(merchant, days_ago, **numbers):
    DayFigures.objects.create(
        merchant=merchant, day=TODAY - days_ago * DAY, currency="usd", **numbers
    )


def breakdown(merchant, days_ago, dimension, key, **numbers):
    DayBreakdown.objects.create(
        merchant=merchant,
        day=TODAY - days_ago * DAY,
        currency="usd",
        dimension=dimension,
        key=key,
        **numbers,
    )


def event(merchant, received_at, **values):
    number = InboxEvent.objects.count()
    account = merchant.stripe_account_id if merchant.is_connected else ""
    values.setdefault("stripe_account_id", account)
    InboxEvent.objects.create(
        stripe_event_id=f"evt_{number}", body=b"{}", received_at=received_at, **values
    )


class TestRetrySuccess:
    def test_only_retries_of_the_last_week_count_and_only_mine(self, merchant):
        breakdown(merchant, 6, "number", "1", tries=30, tries_paid=3)
        breakdown(merchant, 7, "number", "2", tries=30, tries_paid=30)
        breakdown(merchant, 1, "reason", "insufficient_funds", tries=30, tries_paid=30)
        breakdown(MerchantFactory(), 1, "number", "1", tries=99, tries_paid=99)

        assert (facts(merchant).retries.part, facts(merchant).retries.whole) == (3, 30)
        assert look(merchant) == [("retry_success", "")]

    def test_the_merchants_own_threshold_decides(self, merchant):
        breakdown(merchant, 1, "number", "1", tries=30, tries_paid=3)
        AlertSettings.objects.create(merchant=merchant, retry_success_percent=5)

        assert look(merchant) == []


class TestSpikes:
    def test_a_reason_that_rises_against_its_own_past(self, merchant):
        figures(merchant, 34, first_tries=100)
        figures(merchant, 20, first_tries=300)
        figures(merchant, 1, first_tries=100)
        breakdown(merchant, 20, "reason", "processing_error", recovered=4, lost=4)
        breakdown(merchant, 1, "reason", "processing_error", open=10, recovered=2)
        breakdown(merchant, 1, "country", "BR", open=7)

        assert look(merchant) == [("spike", "reason:processing_error")]
        assert "Processing error: 12 failures" in Alert.objects.get().text

    def test_everybody_renewing_on_the_first_of_the_month_is_no_spike(self, merchant):
        figures(merchant, 34, first_tries=1)
        figures(merchant, 31, first_tries=400)
        figures(merchant, 1, first_tries=400)
        breakdown(merchant, 31, "reason", "insufficient_funds", recovered=40)
        breakdown(merchant, 1, "reason", "insufficient_funds", open=40)

        assert look(merchant) == []

    def test_a_merchant_with_less_than_five_weeks_has_no_past(self, merchant):
        figures(merchant, 30, first_tries=10)
        breakdown(merchant, 1, "reason", "insufficient_funds", open=40)

        assert look(merchant) == []

    def test_one_bank_that_rises_alone(self, merchant):
        figures(merchant, 34, first_tries=1)
        breakdown(merchant, 1, "issuer", "visa BR", open=9)
        breakdown(merchant, 1, "issuer", "visa US", open=3)

        assert look(merchant) == [("spike", "issuer:visa BR")]
        assert "Visa cards from banks in Brazil: 9 failures" in Alert.objects.get().text

    def test_sides_are_named_in_words(self, merchant):
        figures(merchant, 34, first_tries=1)
        breakdown(merchant, 1, "country", "BR", open=1)
        breakdown(merchant, 1, "network", "amex", open=1)
        breakdown(merchant, 1, "reason", "no_charge", open=1)

        words = [trend.words for trend in facts(merchant).trends]

        assert words == ["Customers in Brazil", "Amex cards", "No charge was made"]


class TestSilentWebhooks:
    def test_events_that_stripe_made_and_did_not_send(self, merchant):
        event(merchant, NOW - 30 * HOUR)
        event(merchant, NOW - 20 * HOUR, from_sweep=True)
        event(merchant, NOW - 10 * HOUR, from_sweep=True)

        assert look(merchant) == [("silent_webhooks", "")]
        assert "for 30 hours" in Alert.objects.get().text

        event(merchant, NOW + HOUR)
        assert look(merchant, NOW + HOUR) == []

    def test_a_quiet_day_is_no_trouble(self, merchant):
        event(merchant, NOW - 300 * HOUR)

        assert look(merchant) == []

    def test_nor_are_the_first_hours_after_connecting(self):
        merchant = MerchantFactory()
        connected(merchant, NOW - 2 * HOUR)
        event(merchant, NOW - HOUR, from_sweep=True)
        event(merchant, NOW - HOUR, from_sweep=True)

        assert look(merchant) == []
        assert look(merchant, NOW + 23 * HOUR) == [("silent_webhooks", "")]

    def test_events_of_others_do_not_count(self, merchant):
        other = MerchantFactory(is_connected=True)
        event(other, NOW - HOUR)
        event(merchant, NOW - HOUR, from_sweep=True)
        event(merchant, NOW - HOUR, from_sweep=True)

        assert look(merchant) == [("silent_webhooks", "")]


class TestLateAttempts:
    def late(self, merchant):
        case = CaseFactory(merchant=merchant, next_step="retry")
        Attempt.objects.create(case=case, number=1, due_at=NOW - HOUR)

    def broken_for(self, minutes):
        InvariantCheck.objects.create(
            name="late_attempts",
            rule="L1",
            words="",
            broken=1,
            checked_at=NOW,
            broken_since=NOW - minutes * MINUTE,
        )

    def test_late_for_some_minutes_of_real_time(self, merchant):
        self.late(merchant)
        self.broken_for(6)

        assert look(merchant) == [("late_attempts", "")]

    def test_a_clock_that_was_just_moved_makes_nothing_late(self, merchant):
        self.late(merchant)
        self.broken_for(1)

        assert look(merchant) == []

    def test_the_late_attempts_of_another_merchant_are_theirs(self, merchant):
        self.late(MerchantFactory())
        self.broken_for(6)

        assert look(merchant) == []


class TestKeyRefused:
    def test_until_stripe_takes_the_key_again(self, merchant, monkeypatch):
        def refuse(**_):
            raise AccessDenied("", "Invalid API Key")

        monkeypatch.setattr(gateway, "list_events", refuse)
        webhooks.sweep_events(now=NOW)
        webhooks.sweep_events(now=NOW + HOUR)

        assert facts(merchant).key_refused_at == NOW
        assert look(merchant) == [("key_refused", "")]

        monkeypatch.setattr(gateway, "list_events", lambda **_: iter(()))
        webhooks.sweep_events(now=NOW + 2 * HOUR)

        assert look(merchant) == []


def test_mails_that_come_back(merchant):
    case = CaseFactory(merchant=merchant)
    for number in range(20):
        MailFactory(
            case=case,
            step=f"s{number}",
            status="sent",
            sent_at=NOW - DAY,
            delivery="bounced" if number < 4 else "delivered",
        )

    assert (facts(merchant).mails_bounced, facts(merchant).mails_sent) == (4, 20)
    assert look(merchant) == [("mail_bouncing", "")]


def test_an_endpoint_that_recoup_switched_off_is_told_by_mail_until_it_is_on_again(
    merchant, mailoutbox
):
    owner = MembershipFactory(merchant=merchant).user
    endpoint = WebhookEndpointFactory(
        merchant=merchant,
        url="https://hooks.willow.example/in?key=secret",
        disabled_at=NOW,
        disabled_by="Recoup",
        disabled_why="Nothing arrived for days. Last: The server answered 500.",
    )
    WebhookEndpointFactory(merchant=merchant, disabled_at=NOW, disabled_by="ana@example.com")

    assert look(merchant) == [("webhook_off", str(endpoint.pk))]
    mail_alerts(merchant=merchant, now=NOW)
    mail_alerts(merchant=merchant, now=NOW)

    (mail,) = mailoutbox
    assert mail.to == [owner.email]
    assert "hooks.willow.example" in mail.body
    assert "The server answered 500." in mail.body
    assert "secret" not in mail.body

    enable(merchant=merchant, endpoint_id=endpoint.pk, user=owner, now=NOW)
    assert look(merchant) == []


def test_many_ends_for_non_payment(merchant):
    figures(merchant, 89, ended=4, ended_unpaid=3)
    figures(merchant, 90, ended=100)

    assert look(merchant) == [("involuntary", "critical")]


class TestWhileHistoryComesIn:
    def test_figures_raise_nothing_and_clear_nothing(self, merchant):
        breakdown(merchant, 1, "number", "1", tries=30, tries_paid=3)
        ImportRun.objects.create(merchant=merchant, started_at=NOW, worked_at=NOW)
        assert look(merchant) == []

        ImportRun.objects.update(finished_at=NOW)
        assert look(merchant) == [("retry_success", "")]

        DayBreakdown.objects.all().delete()
        for number in range(9):
            DayToCount.objects.create(
                merchant=merchant, day=TODAY - number * DAY, marked_at=NOW, mark=uuid.uuid4()
            )
        assert look(merchant) == [("retry_success", "")]

        DayToCount.objects.all().delete()
        assert look(merchant) == []


class TestMails:
    @pytest.fixture
    def owner(self, merchant):
        return MembershipFactory(merchant=merchant).user

    @pytest.fixture
    def trouble(self, merchant):
        breakdown(merchant, 1, "number", "1", tries=30, tries_paid=3)

    def test_owners_and_admins_are_told_once(self, merchant, owner, trouble):
        admin = MembershipFactory(merchant=merchant, role=Role.ADMIN).user
        MembershipFactory(merchant=merchant, role=Role.SUPPORT)
        MembershipFactory()  # of another merchant

        for number in range(3):
            watch_everybody(now=NOW + number * 10 * MINUTE, real_now=NOW)

        assert sorted(one.to[0] for one in mail.outbox) == sorted([owner.email, admin.email])
        alert = Alert.objects.get()
        assert f"/alerts/{alert.pk}/" in mail.outbox[0].body
        assert alert.text in mail.outbox[0].body
        assert merchant.name in mail.outbox[0].subject

    def test_what_comes_back_within_a_day_is_not_mailed_again(self, merchant, owner, trouble):
        watch_everybody(now=NOW, real_now=NOW)
        Alert.objects.update(cleared_at=NOW + HOUR)
        watch_everybody(now=NOW + 2 * HOUR, real_now=NOW)
        assert len(mail.outbox) == 1

        Alert.objects.filter(cleared_at=None).update(cleared_at=NOW + 3 * HOUR)
        watch_everybody(now=NOW + 30 * HOUR, real_now=NOW)
        assert len(mail.outbox) == 2

    def test_those_who_want_none_get_none(self, merchant, owner, trouble):
        AlertSettings.objects.create(merchant=merchant, mails_alerts=False)

        watch_everybody(now=NOW, real_now=NOW)

        assert mail.outbox == []
        assert Alert.objects.count() == 1

    def test_an_alert_of_days_ago_is_not_mailed_when_mails_are_switched_on(
        self, merchant, owner, trouble
    ):
        settings = AlertSettings.objects.create(merchant=merchant, mails_alerts=False)
        watch_everybody(now=NOW, real_now=NOW)
        settings.mails_alerts = True
        settings.save()

        watch_everybody(now=NOW + 2 * DAY, real_now=NOW)

        assert mail.outbox == []


def test_one_merchant_in_trouble_keeps_nobody_from_the_others(merchant, monkeypatch):
    bad = MerchantFactory(time_zone="Nowhere/At_All")
    MembershipFactory(merchant=merchant)
    breakdown(merchant, 1, "number", "1", tries=30, tries_paid=3)

    watch_everybody(now=NOW, real_now=NOW)

    assert list(Alert.objects.values_list("merchant", flat=True)) == [merchant.pk]
    assert bad.pk != merchant.pk


def test_beats_task_watches(merchant):
    watch_task()

    assert not Alert.objects.exists()


def test_a_look_costs_the_same_whatever_the_history(merchant, django_assert_max_num_queries):
    for number in range(60):
        figures(merchant, number, first_tries=100)
        breakdown(merchant, number, "reason", "insufficient_funds", recovered=3)

    with django_assert_max_num_queries(22):
        watch(merchant=merchant, now=NOW, real_now=NOW)


class TestEvents:
    def test_an_alert_goes_once_to_the_endpoints_that_want_it(self, merchant):
        wants = WebhookEndpointFactory(merchant=merchant, events=["alert.opened"])
        WebhookEndpointFactory(merchant=merchant, events=["payment.failed"])
        WebhookEndpointFactory(events=["alert.opened"])
        breakdown(merchant, 1, "number", "1", tries=30, tries_paid=3)

        for number in range(3):
            watch_everybody(now=NOW + number * 10 * MINUTE, real_now=NOW)

        delivery = Delivery.objects.get()
        assert delivery.endpoint == wants
        payload = delivery.event.payload
        assert payload["type"] == "alert.opened"
        assert payload["data"]["kind"] == "retry_success"
        assert payload["data"]["todo"]
