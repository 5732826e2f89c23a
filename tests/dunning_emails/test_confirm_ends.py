"""Reminders of 3-D Secure are used up: the case ends as the merchant chose, once, and never too early."""

import pytest

from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services.settings import save_settings
from apps.dunning_emails.tasks import end_invoices
from sandbox import cards
from tests.story.world import DAY, HOUR


def waiting(shop, **rule):
    """Let a renewal fail because the bank asks for 3-D Secure, under a rule about its end."""
    save_settings(
        merchant=shop.world.merchant,
        changes={"confirm_days": [1, 3], **rule},
        expected_version=settings_of(shop.world.merchant).version,
        user=None,
        now=shop.world.now,
    )
    shop.world.subscribe(cards.needs_authentication())
    shop.world.until_the_renewal_failed()
    assert shop.world.case.next_step == "authentication"
    return shop.world.case.stripe_invoice_id


def give_rules(shop, **changes):
    case = shop.world.case
    case.rules = {**case.rules, **changes}
    case.save()


def days_go_by(shop, days):
    for _ in range(days):
        shop.world.advance(DAY)
        end_invoices()
        shop.world.settle_down()


def invoice_of(shop, invoice_id):
    return shop.world.sandbox.object("invoice", invoice_id)


@pytest.mark.parametrize("end", ["uncollectible", "void"])
def test_the_invoice_ends_some_days_after_the_last_reminder(shop, end):
    invoice_id = waiting(shop, confirm_end=end, confirm_end_days=2)
    give_rules(shop, final_action="cancel")
    days_go_by(shop, 4)
    assert invoice_of(shop, invoice_id)["status"] == "open"
    assert Mail.objects.filter(kind="confirm_reminder", status="sent").count() == 2

    days_go_by(shop, 2)

    case = shop.world.case
    assert invoice_of(shop, invoice_id)["status"] == end
    assert shop.world.subscription.status == "canceled"
    assert (case.status, case.end_reason) == ("lost", "tries_used_up")
    assert "used up" in case.events.get(kind="final_action").text
    assert "never confirmed" in case.events.get(kind="lost").text
    assert not Mail.objects.filter(status="scheduled", kind__startswith="confirm").exists()


def test_the_reminder_says_when_it_ends(shop):
    waiting(shop, confirm_end="uncollectible", confirm_end_days=2)
    shop.world.advance(2 * DAY)

    assert "Otherwise we stop trying on Dec 7." in shop.inbox[-1].body


def test_left_open_it_waits_as_long_as_the_schedule(shop):
    invoice_id = waiting(shop)
    days_go_by(shop, 10)

    assert invoice_of(shop, invoice_id)["status"] == "open"
    assert shop.world.case.status == "open"


def test_who_confirms_in_time_pays_and_keeps_everything(shop):
    invoice_id = waiting(shop, confirm_end="void", confirm_end_days=1)
    days_go_by(shop, 3)
    shop.world.sandbox.complete_authentication(invoice_id)
    shop.world.settle_down()
    days_go_by(shop, 5)

    assert invoice_of(shop, invoice_id)["status"] == "paid"
    assert shop.world.case.status == "recovered"
    assert shop.world.subscription.status == "active"


def test_confirmed_at_the_last_moment_and_nobody_told_us(shop):
    invoice_id = waiting(shop, confirm_end="void", confirm_end_days=1)
    days_go_by(shop, 3)
    shop.world.post.switch("drop_for_ever")
    shop.world.sandbox.advance(DAY + HOUR)
    shop.world.sandbox.complete_authentication(invoice_id)
    shop.world.settle_down()
    end_invoices()
    shop.world.settle_down()

    assert invoice_of(shop, invoice_id)["status"] == "paid"
    assert shop.world.case.status == "recovered"


def test_a_subscription_that_goes_on_is_not_set_active_by_voiding(shop):
    invoice_id = waiting(shop, confirm_end="void", confirm_end_days=1)
    give_rules(shop, final_action="leave_past_due")
    days_go_by(shop, 6)

    assert invoice_of(shop, invoice_id)["status"] == "uncollectible"
    assert shop.world.subscription.status == "past_due"


def test_a_case_on_hold_is_left_alone(shop):
    invoice_id = waiting(shop, confirm_end="void", confirm_end_days=1)
    days_go_by(shop, 3)
    case = shop.world.case
    case.hold, case.held_at, case.held_by = "person", shop.world.now, "ada@example.com"
    case.next_step = "held"
    case.save()
    days_go_by(shop, 4)

    assert invoice_of(shop, invoice_id)["status"] == "open"
