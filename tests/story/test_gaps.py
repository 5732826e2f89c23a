"""Stripe retries, and Recoup fills the gaps between its tries, never near one."""

import datetime as dt

import pytest

from apps.dunning.rules import RetryRules, Step
from sandbox import cards
from tests.story.world import DAY

RULES = RetryRules("gaps", "custom", tuple(Step(24) for _ in range(6)), gap_hours=12)


def moment(charge):
    return dt.datetime.fromtimestamp(charge["created"], dt.UTC)


@pytest.fixture
def failed(world):
    world.choose(rules=RULES)
    world.subscribe(cards.declines("insufficient_funds", times=4))
    world.until_the_renewal_failed()
    return world


def test_both_charge_and_never_near_each_other(failed):
    invoice_id = failed.case.stripe_invoice_id
    assert failed.sandbox.object("invoice", invoice_id)["auto_advance"]

    failed.advance(20 * DAY)

    tries = [*failed.charges(invoice_id, "failed"), *failed.charges(invoice_id)]
    stripes = [moment(one) for one in tries if one["_automatic"]]
    ours = [moment(one) for one in tries if not one["_automatic"]]
    assert failed.case.status == "recovered"
    assert len(stripes) > 1, "Stripe went on retrying"
    assert ours, "and Recoup tried in between"
    apart = min(abs(one - other) for one in ours for other in stripes)
    assert apart >= dt.timedelta(hours=12)
    assert len(failed.charges(invoice_id)) == 1


def test_when_stripe_stops_so_does_recoup(failed):
    invoice_id = failed.case.stripe_invoice_id
    failed.ask("POST", f"/v1/invoices/{invoice_id}", {"auto_advance": "false"})
    failed.settle_down()

    failed.advance(10 * DAY)

    assert len(failed.charges(invoice_id, "failed")) == 1, "only Stripe's first one"
