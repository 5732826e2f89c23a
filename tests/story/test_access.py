"""Access follows the money, whatever becomes of the webhooks."""

import datetime as dt
from dataclasses import replace

import pytest

from apps.customer_payments import services as customer_payments
from apps.customer_payments.models import Access, AccessStep
from apps.dunning.access import AccessRules, Ladder, Step
from apps.dunning.presets import DAYS_3_5_7
from sandbox import cards
from tests.story.world import DAY

LADDER = Ladder(steps=(Step("banner", 0), Step("limited", 3), Step("revoked", 7)))


def choose(world, details: AccessRules) -> None:
    customer_payments.save_settings(
        merchant=world.merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        details=details,
        expected_version=1,
        user=None,
        now=world.now,
    )


@pytest.mark.parametrize("instalments", [0, 6])
def test_access_is_back_within_a_minute_although_no_webhook_arrives(
    world, monkeypatch, instalments
):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1), instalments=instalments)
    world.until_the_renewal_failed()
    assert Access.objects.get().state == "revoked"
    attempt = world.case.attempts.get()
    monkeypatch.setattr(world.post, "deliver_due", lambda: 0)

    world.until_the_next_try()

    attempt.refresh_from_db()
    access = Access.objects.get()
    assert (attempt.status, access.state) == ("succeeded", "granted")
    assert access.changed_at - attempt.settled_at <= dt.timedelta(seconds=60)
    assert world.subscription.access == "granted"


def test_the_ladder_goes_down_day_by_day_and_back_with_the_payment(world):
    world.choose(rules=replace(DAYS_3_5_7, name=""))
    choose(world, AccessRules(revoke="first_failure", ladders=(LADDER,)))
    world.subscribe(cards.declines("insufficient_funds", times=3))
    world.until_the_renewal_failed()
    seen = [world.subscription.access]
    for _ in range(8):
        world.advance(DAY)
        seen.append(world.subscription.access)

    assert list(dict.fromkeys(seen)) == ["banner", "limited", "granted"]
    assert world.case.status == "recovered"
    assert not AccessStep.objects.waiting().exists()


def test_used_up_tries_take_access_only_then(world):
    world.choose(rules=DAYS_3_5_7)
    choose(world, AccessRules(revoke="tries_used_up"))
    world.subscribe(cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()
    world.advance(3 * DAY)
    assert world.subscription.access == "granted"

    world.advance(20 * DAY)

    assert world.case.status == "lost"
    assert Access.objects.get().state == "revoked"
    assert world.subscription.access == "revoked"
