"""Mails before a renewal: once, a week before, and only while it will really renew."""

import datetime as dt

from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import settings as mail_settings
from apps.dunning_emails.services.upcoming import plan_renewals
from apps.transactions.models import Transaction
from tests.story.world import DAY, HOUR


def announced(make_world, mailoutbox, *, on=True):
    world = make_world()
    world.choose()
    mail_settings.switch_kind(
        merchant=world.merchant, kind=MailKind.RENEWAL, on=on, user=None, now=world.now
    )
    sold = world.subscribe()
    world.advance(20 * DAY)
    plan_renewals(now=world.now)
    assert mailoutbox == []
    world.advance(3 * DAY + 2 * HOUR)
    return world, sold


def test_a_renewal_is_announced_once_a_week_before(make_world, mailoutbox):
    world, _ = announced(make_world, mailoutbox)

    for _ in range(3):
        plan_renewals(now=world.now)
        world.advance(HOUR / 2)
    world.advance(2 * DAY)
    plan_renewals(now=world.now)
    world.advance(HOUR)

    (mail,) = mailoutbox
    assert mail.subject == "Your subscription to Studio Membership renews on Dec 2"
    assert "$149.00 will be charged to Visa" in mail.body
    assert "failed" not in mail.body


def test_who_cancels_in_the_meantime_hears_nothing(make_world, mailoutbox):
    world, sold = announced(make_world, mailoutbox)
    plan_renewals(now=world.now)
    Mail.objects.update(due_at=world.now + dt.timedelta(minutes=30))
    world.ask("POST", f"/v1/subscriptions/{sold['id']}", {"cancel_at_period_end": "true"})
    world.advance(HOUR)

    assert mailoutbox == []
    assert Mail.objects.get().status == "dropped"


def test_it_is_off_until_a_merchant_wants_it(make_world, mailoutbox):
    world, _ = announced(make_world, mailoutbox, on=False)

    assert plan_renewals(now=world.now) == 0


def test_no_charge_is_announced_to_who_pays_invoices_by_hand(make_world, mailoutbox):
    world, _ = announced(make_world, mailoutbox)
    Transaction.objects.update(is_sent=True)

    assert plan_renewals(now=world.now) == 0

    Transaction.objects.update(is_sent=False)
    assert plan_renewals(now=world.now) == 1
