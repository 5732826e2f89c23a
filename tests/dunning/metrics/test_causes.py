import datetime as dt

import pytest

from apps.dunning.metrics.causes import CAUSES, Happening, cause_of

PAID = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def cause(trigger="", *happened, stripe_retries=False):
    return cause_of(
        trigger=trigger,
        stripe_retries=stripe_retries,
        paid_at=PAID,
        happenings=[Happening(kind, PAID - before) for kind, before in happened],
    )


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("schedule", "our_try"),
        ("manual", "manual_try"),
        ("backup", "backup_method"),
        ("link", "mail_link"),
    ],
)
def test_an_attempt_of_ours_says_why_it_was_made(trigger, expected):
    assert cause(trigger) == expected
    assert cause(trigger, ("link_opened", HOUR), ("card_refreshed", HOUR)) == expected


def test_a_changed_card_counts_for_who_changed_it():
    assert cause("method_changed", ("card_refreshed", HOUR)) == "card_refreshed"
    assert cause("method_changed", ("card_changed", HOUR)) == "customer"
    assert cause("method_changed", ("mail_sent", DAY), ("card_changed", HOUR)) == "customer"
    assert cause("method_changed", ("card_refreshed", DAY), ("card_changed", HOUR)) == "customer"


def test_a_card_changed_after_the_link_was_opened_counts_for_the_link():
    assert cause("method_changed", ("link_opened", 2 * HOUR), ("card_changed", HOUR)) == "mail_link"
    assert cause("method_changed", ("link_opened", 8 * DAY), ("card_changed", HOUR)) == "customer"


def test_a_confirmation_with_the_bank_is_the_customers_or_the_links():
    assert cause("customer_confirmed") == "customer"
    assert cause("customer_confirmed", ("link_opened", HOUR)) == "mail_link"


def test_a_charge_of_stripes_while_it_retries_is_its_own():
    assert cause(stripe_retries=True) == "stripe_try"
    assert cause("", ("mail_sent", DAY), stripe_retries=True) == "stripe_try"
    assert cause("", ("card_refreshed", DAY), stripe_retries=True) == "card_refreshed"
    assert cause("", ("link_opened", DAY), stripe_retries=True) == "mail_link"


def test_a_charge_nobody_planned_while_we_retry_is_the_customers():
    assert cause() == "customer"
    assert cause("", ("link_opened", HOUR)) == "mail_link"


def test_what_comes_after_the_payment_does_not_count():
    assert cause("", ("link_opened", -HOUR), stripe_retries=True) == "stripe_try"


def test_every_cause_has_words():
    assert {"our_try", "stripe_try", "unexplained"} <= set(CAUSES)
