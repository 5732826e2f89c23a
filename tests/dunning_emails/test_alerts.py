"""Alerts to owners and admins: each failure, a day's summary, tries used up, or nothing."""

import datetime as dt

import pytest

from apps.accounts.models import Role
from apps.dunning_emails.models import EmailSettings, Mail
from apps.dunning_emails.services import alerts, sending
from apps.dunning_emails.services import settings as mail_settings
from sandbox import cards
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.recovery.factories import CaseFactory
from tests.story.world import DAY, HOUR

MORNING = dt.datetime(2026, 11, 24, 14, 0, tzinfo=dt.UTC)  # 9:00 in New York


def choose(merchant, alerts, *, now):
    mail_settings.save_settings(
        merchant=merchant,
        changes={"owner_alerts": alerts},
        expected_version=0,
        user=None,
        now=now,
    )


@pytest.fixture
def world(make_world, mailoutbox):
    world = make_world()
    world.choose()
    for role in (Role.OWNER, Role.ADMIN, Role.VIEWER):
        MembershipFactory(merchant=world.merchant, role=role, user__email=f"{role}@willow.example")
    return world


def test_each_failure_is_told_to_owners_and_admins_once(world, mailoutbox):
    choose(world.merchant, EmailSettings.OwnerAlerts.EACH, now=world.now)
    world.subscribe(cards.declines("stolen_card"))
    world.advance(32 * DAY)

    assert sorted(mail.to[0] for mail in mailoutbox) == [
        "admin@willow.example",
        "owner@willow.example",
    ]
    assert mailoutbox[0].subject == "A payment failed: $149.00"
    assert "Card reported stolen" in mailoutbox[0].body
    assert f"/sales/recovery/{world.case.pk}/" in mailoutbox[0].body
    assert not world.case.events.filter(kind="mail_sent").exists()


def test_off_means_off(world, mailoutbox):
    world.subscribe(cards.declines("insufficient_funds"))
    world.advance(32 * DAY)

    assert mailoutbox == []


def test_used_up_is_told_at_the_end_alone(world, mailoutbox):
    choose(world.merchant, EmailSettings.OwnerAlerts.USED_UP, now=world.now)
    world.subscribe(cards.declines("expired_card"))
    world.advance(30 * DAY + 3 * HOUR)
    assert mailoutbox == []

    world.advance(30 * DAY)

    assert world.case.end_reason == "tries_used_up"
    assert {mail.subject for mail in mailoutbox} == {"A payment could not be collected: $149.00"}


@pytest.mark.django_db
def test_a_day_is_summed_up_once_the_next_morning(mailoutbox):
    merchant = MerchantFactory(name="Willow")
    MembershipFactory(merchant=merchant, user__email="owner@willow.example")
    choose(merchant, EmailSettings.OwnerAlerts.DAILY, now=MORNING - 3 * DAY)
    CaseFactory(merchant=merchant, failed_at=MORNING - DAY)
    CaseFactory(merchant=merchant, failed_at=MORNING - DAY, currency="eur", amount_due_minor=900)
    CaseFactory(merchant=merchant, failed_at=MORNING - DAY, source="import")
    CaseFactory(failed_at=MORNING - DAY)

    assert alerts.plan_daily(now=MORNING - 3 * HOUR) == 0
    for _ in range(3):
        alerts.plan_daily(now=MORNING)
        sending.send_due(now=MORNING)

    (mail,) = mailoutbox
    assert mail.subject == "Willow: payments of Nov 23"
    assert "1 failed: $149.00" in mail.body
    assert "1 failed: €9.00" in mail.body
    assert Mail.objects.get().status == "sent"


@pytest.mark.django_db
def test_who_left_gets_no_more_alerts(mailoutbox):
    membership = MembershipFactory()
    choose(membership.merchant, EmailSettings.OwnerAlerts.DAILY, now=MORNING - 3 * DAY)
    alerts.plan_daily(now=MORNING)
    membership.delete()

    sending.send_due(now=MORNING)

    assert mailoutbox == []
    assert Mail.objects.get().status == "dropped"
