"""A card runs out: told once, in time, and not where it does not matter any more. New York's clock."""

import datetime as dt

import pytest

from apps.dunning.facts import Method
from apps.dunning.mails.cards import CardFacts, card_mail
from apps.dunning.mails.chase import Write
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules

NOV_10 = dt.datetime(2026, 11, 10, 15, 0, tzinfo=dt.UTC)  # 10:00 in New York
DAY = dt.timedelta(days=1)
CARD = Method(reference="pm_old", type="card", exp_month=11, exp_year=2026)
RULES = MailRules(on={MailKind.CARD_EXPIRING: NOV_10 - 30 * DAY})


def ask(now=NOV_10, rules=RULES, **changes):
    facts = {"card": CARD, "others": (), "pays": True, "zone": "America/New_York", **changes}
    return card_mail(facts=CardFacts(**facts), rules=rules, now=now)


def card(month: int, year: int, reference="pm_new") -> Method:
    return Method(reference=reference, type="card", exp_month=month, exp_year=year)


def test_it_is_told_two_weeks_before_the_month_ends():
    # November's last day is the 30th.
    assert ask() == Write(ask().step, dt.datetime(2026, 11, 16, 15, 0, tzinfo=dt.UTC))


@pytest.mark.parametrize(("days", "day"), [(0, 30), (5, 25), (29, 1)])
def test_the_days_are_the_merchants(days, day):
    rules = MailRules(on=RULES.on, days={MailKind.CARD_EXPIRING: days})
    now = dt.datetime(2026, 11, 1, 14, 0, tzinfo=dt.UTC)

    assert ask(now=now, rules=rules).at.day == day


def test_seen_late_it_is_told_at_once_but_not_at_night():
    evening = dt.datetime(2026, 11, 20, 23, 0, tzinfo=dt.UTC) + dt.timedelta(hours=3)

    assert ask(now=NOV_10 + 9 * DAY).at == NOV_10 + 9 * DAY
    assert ask(now=evening).at == dt.datetime(2026, 11, 21, 13, 0, tzinfo=dt.UTC)


def test_december_ends_with_the_year():
    assert ask(card=card(12, 2026, "pm_old")).at.date() == dt.date(2026, 12, 17)


def test_it_is_over_with_the_month_where_the_customer_lives():
    midnight = dt.datetime(2026, 12, 1, 5, 0, tzinfo=dt.UTC)

    assert isinstance(ask(now=midnight - 20 * dt.timedelta(hours=1)), Write)
    assert ask(now=midnight).code == "over"


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (card(12, 2026), "newer"),
        (card(1, 2030), "newer"),
        (Method(reference="pm_bank", type="sepa_debit"), "newer"),
        (card(10, 2026), ""),
        (card(11, 2026), ""),
        (Method(reference="pm_bank", type="sepa_debit", mandate="inactive"), ""),
        (Method(reference="pm_dateless", type="card"), ""),
    ],
)
def test_a_newer_method_on_file_keeps_it_quiet(other, code):
    decision = ask(others=(CARD, other))

    assert getattr(decision, "code", "") == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pays": False}, "unused"),
        ({"address": "missing"}, "no_address"),
        ({"address": "bounced"}, "bounced"),
        ({"address": "no_reminders"}, "no_reminders"),
        ({"card": Method(reference="pm_bank", type="sepa_debit")}, "no_date"),
        ({"rules": MailRules()}, "off"),
    ],
)
def test_nothing_is_written(changes, code):
    assert ask(**changes).code == code
