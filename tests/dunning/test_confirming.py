"""When waiting for a word to the bank is over: never before everybody was reminded."""

import datetime as dt

import pytest

from apps.dunning.mails.confirming import confirm_over_at
from apps.dunning.mails.facts import MailFacts, Sent
from apps.dunning.mails.rules import MailRules

MONDAY = dt.datetime(2026, 11, 2, 15, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
ASKED = (Sent("confirm", MONDAY), Sent("confirm_reminder_1", MONDAY + DAY))


RULES = MailRules(confirm_days=(1, 3, 7))


def over(days=3, rules=RULES, **changes):
    facts = {"failed_at": MONDAY, "need": "confirm", "zone": "UTC", "sent": ASKED, **changes}
    return confirm_over_at(facts=MailFacts(**facts), rules=rules, days=days)


def test_it_is_over_some_days_after_the_last_reminder_was_due():
    assert over() == MONDAY + 10 * DAY


def test_a_reminder_that_went_out_late_gives_more_time():
    late = (*ASKED, Sent("confirm_reminder_3", MONDAY + 9 * DAY))

    assert over(sent=late) == MONDAY + 12 * DAY


def test_without_reminders_it_counts_from_the_first_email():
    assert over(rules=MailRules(confirm_days=()), sent=ASKED[:1]) == MONDAY + 3 * DAY


@pytest.mark.parametrize(
    "changes",
    [
        {"sent": ()},
        {"sent": (Sent("failed_1", MONDAY),)},
        {"needed_at": MONDAY + 5 * DAY},
        {"is_processing": True},
        {"is_open": False},
        {"is_live": False},
        {"need": "retry"},
        {"need": "new_method"},
        {"address": "bounced"},
        {"address": "no_reminders"},
    ],
)
def test_nobody_is_given_up_who_could_not_know(changes):
    assert over(**changes) is None
