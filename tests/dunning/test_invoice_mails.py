"""What is written about invoices that are paid by hand. All times in New York."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.mails.chase import Silence, Write
from apps.dunning.mails.facts import Sent
from apps.dunning.mails.invoices import SentInvoice, invoice_steps, next_invoice_mail
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules

NEW_YORK = "America/New_York"
MONDAY = dt.datetime(2026, 11, 2, 15, 0, tzinfo=dt.UTC)  # 10:00 in New York
DUE = dt.datetime(2026, 12, 2, 17, 30, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
RULES = MailRules(on=dict.fromkeys(MailKind, MONDAY - 30 * DAY))
DAYS = [-10, -3, 0, 3, 7, 14]


def invoice(**changes) -> SentInvoice:
    return SentInvoice(
        **{"finalized_at": MONDAY, "due_at": DUE, "zone": NEW_YORK, "address": "ok", **changes}
    )


def ask(now=MONDAY, rules=RULES, **changes):
    return next_invoice_mail(invoice=invoice(**changes), rules=rules, now=now)


def at_ten(days: int) -> dt.datetime:
    """Return ten in the morning of a day counted from the due day."""
    return dt.datetime(2026, 12, 2, 15, 0, tzinfo=dt.UTC) + days * DAY


def all_mails(rules=RULES, **changes) -> list[tuple[str, dt.datetime]]:
    """Follow an invoice that is never paid."""
    now = MONDAY
    done: list[tuple[str, dt.datetime]] = []
    while isinstance(
        step := ask(now=now, rules=rules, sent=tuple(Sent(*one) for one in done), **changes), Write
    ):
        now = max(now, step.at)
        done.append((step.step.name, now))
    return done


def test_the_invoice_and_six_reminders_around_the_due_day():
    assert all_mails() == [
        ("invoice_sent", MONDAY),
        *((f"reminder_{days:+d}", at_ten(days)) for days in DAYS),
    ]


def test_reminders_stay_at_ten_when_the_clocks_change():
    finalized, due = MONDAY - 12 * DAY, MONDAY

    steps = invoice_steps(
        invoice=invoice(finalized_at=finalized, due_at=due),
        rules=MailRules(on=RULES.on, invoice_days=(-3, 0)),
    )

    # On October 30 New York is four hours behind UTC, on November 2 five.
    assert [step.at.hour for step in steps[1:]] == [14, 15]


def test_the_days_are_the_merchants():
    assert [name for name, _ in all_mails(rules=MailRules(on=RULES.on, invoice_days=(5,)))] == [
        "invoice_sent",
        "reminder_+5",
    ]


def test_everything_is_off_by_default():
    assert ask(rules=MailRules()).code == "done"


@pytest.mark.parametrize(
    ("on", "names"),
    [
        ((MailKind.INVOICE_SENT,), ["invoice_sent"]),
        ((MailKind.INVOICE_REMINDER,), [f"reminder_{days:+d}" for days in DAYS]),
    ],
)
def test_each_of_the_two_has_its_own_switch(on, names):
    rules = MailRules(on=dict.fromkeys(on, MONDAY - DAY))

    assert [name for name, _ in all_mails(rules=rules)] == names


def test_older_invoices_than_the_switch_get_nothing():
    rules = MailRules(on=dict.fromkeys(MailKind, MONDAY + HOUR))

    assert isinstance(ask(now=MONDAY + DAY, rules=rules), Silence)


def test_short_terms_get_no_reminder_beside_the_invoice():
    names = [name for name, _ in all_mails(due_at=MONDAY + 3 * DAY + HOUR)]

    assert names == ["invoice_sent", "reminder_+0", "reminder_+3", "reminder_+7", "reminder_+14"]


def test_without_a_due_day_there_is_the_invoice_alone():
    assert all_mails(due_at=None) == [("invoice_sent", MONDAY)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "paid"}, "closed"),
        ({"status": "void"}, "closed"),
        ({"status": "uncollectible"}, "closed"),
        ({"status": "draft"}, "closed"),
        ({"remaining_minor": 0}, "closed"),
        ({"is_processing": True}, "processing"),
        ({"is_sent": False}, "automatic"),
        ({"address": "missing"}, "no_address"),
        ({"address": "bounced"}, "bounced"),
    ],
)
def test_nothing_is_written(changes, code):
    assert ask(now=at_ten(3), **changes).code == code


def test_who_wants_no_reminders_gets_the_invoice_alone():
    assert all_mails(address="no_reminders") == [("invoice_sent", MONDAY)]
    sent = (Sent("invoice_sent", MONDAY),)
    assert ask(now=at_ten(0), address="no_reminders", sent=sent).code == "no_reminders"


def test_what_was_missed_is_said_once():
    decision = ask(now=at_ten(7) + HOUR)

    assert decision.step.name == "reminder_+7"


def test_a_reminder_for_before_is_not_sent_afterwards():
    rules = MailRules(on=RULES.on, invoice_days=(-3, 3))

    decision = ask(now=at_ten(1), rules=rules, sent=(Sent("invoice_sent", MONDAY),))

    assert (decision.step.name, decision.at) == ("reminder_+3", at_ten(3))


def test_nobody_gets_more_than_the_weeks_cap():
    now = at_ten(0)
    many = tuple(now - days * DAY for days in (1, 2, 3))

    decision = ask(now=now, to_person=many, sent=(Sent("invoice_sent", MONDAY),))

    assert decision.step.name == "reminder_+0"
    assert decision.at == now + 4 * DAY


def test_the_night_is_quiet():
    late = MONDAY.replace(hour=3)

    assert ask(now=late, finalized_at=late).at == MONDAY.replace(hour=13)


@given(
    st.integers(0, 120 * 24).map(lambda hours: MONDAY - 30 * DAY + hours * HOUR),
    st.sets(st.integers(-60, 28), max_size=8),
    st.sets(st.sampled_from(["invoice_sent", *(f"reminder_{one:+d}" for one in range(-60, 29))])),
)
def test_no_step_is_ever_written_twice_and_none_before_its_time(now, days, sent):
    rules = MailRules(on=RULES.on, invoice_days=tuple(sorted(days)))

    decision = ask(now=now, rules=rules, sent=tuple(Sent(name, MONDAY) for name in sent))

    if isinstance(decision, Write):
        assert decision.step.name not in sent
        assert decision.at >= decision.step.at
