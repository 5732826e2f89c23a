"""Cards that run out: their owners hear of it once, while it matters."""

import datetime as dt

import pytest

from apps.customers.models import PaymentMethod
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services.cards import plan_cards
from apps.dunning_emails.services.settings import switch_kind
from apps.subscriptions.models import Subscription
from tests.dunning_emails.factories import EmailSettingsFactory
from tests.story.world import DAY, HOUR


@pytest.fixture
def shop(make_world, mailoutbox):
    """A merchant who tells of cards, and a subscriber whose card is valid until November's end."""
    world = make_world()
    world.choose()
    switch_kind(
        merchant=world.merchant, kind=MailKind.CARD_EXPIRING, on=True, user=None, now=world.now
    )
    world.subscribe()
    PaymentMethod.objects.update(exp_year=2026, exp_month=11)
    return world


def days_go_by(world, days):
    for _ in range(days):
        plan_cards(now=world.now)
        world.advance(DAY)


def test_a_card_is_told_of_once_two_weeks_before(shop, mailoutbox):
    days_go_by(shop, 13)
    assert mailoutbox == []
    days_go_by(shop, 10)

    (mail,) = mailoutbox
    assert mail.subject == "Your card for Willow Studio runs out soon"
    assert "with which you pay for Studio Membership, is valid until Nov 30" in mail.body
    assert "failed" not in mail.body
    sent_at = Mail.objects.get().sent_at
    assert sent_at.date() == dt.date(2026, 11, 16)


def test_one_mail_for_a_card_that_pays_several(shop, mailoutbox):
    (first,) = Subscription.objects.all()
    price = shop.sandbox.create_price(4_900, "usd", name="Sketchbook Club")
    shop.sandbox.subscribe(shop.sandbox.object("customer", first.stripe_customer_id), price)
    shop.settle_down()
    PaymentMethod.objects.update(exp_year=2026, exp_month=11)
    days_go_by(shop, 20)

    (mail,) = mailoutbox
    assert "Sketchbook Club" in mail.body
    assert "Studio Membership" in mail.body


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Subscription, {"status": "canceled"}),
        (Subscription, {"status": "past_due"}),
        (Subscription, {"ends_at": dt.datetime(2026, 12, 2, tzinfo=dt.UTC)}),
        (PaymentMethod, {"exp_year": 2029}),
        (PaymentMethod, {"exp_month": 12}),
        (PaymentMethod, {"exp_month": 10}),
    ],
)
def test_nobody_hears_what_does_not_matter(shop, mailoutbox, model, change):
    model.objects.update(**change)
    now = shop.now + 20 * DAY

    assert plan_cards(now=now) == 0


def test_a_newer_card_on_file_keeps_it_quiet(shop, mailoutbox):
    days_go_by(shop, 14)
    assert Mail.objects.filter(status="scheduled").exists()
    (old,) = PaymentMethod.objects.all()
    shop.sandbox.replace_card(old.stripe_customer_id)
    shop.settle_down()
    PaymentMethod.objects.filter(pk=old.pk).update(exp_year=2026, exp_month=11)
    days_go_by(shop, 10)

    assert mailoutbox == []
    assert Mail.objects.get().status == "dropped"


def test_a_card_renewed_by_the_network_meanwhile_is_not_told_of(shop, mailoutbox):
    days_go_by(shop, 14)
    PaymentMethod.objects.update(exp_year=2030)
    days_go_by(shop, 10)

    assert mailoutbox == []
    assert Mail.objects.get().why == "The card was renewed or taken away."


def test_the_button_leads_to_the_merchants_own_page(shop, mailoutbox):
    EmailSettingsFactory(
        merchant=shop.merchant, link_target="own", own_link="https://willow.example/account"
    )
    days_go_by(shop, 18)

    assert "Update my card:\nhttps://willow.example/account" in mailoutbox[0].body


def test_it_is_off_until_a_merchant_wants_it(shop):
    switch_kind(
        merchant=shop.merchant, kind=MailKind.CARD_EXPIRING, on=False, user=None, now=shop.now
    )

    assert plan_cards(now=shop.now + 20 * DAY + HOUR) == 0
