"""Which mail is written when. All times in New York unless a test says otherwise."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.mails.chase import Silence, Write, next_mail, sequence
from apps.dunning.mails.facts import MailFacts, Sent
from apps.dunning.mails.hours import after_the_night, is_quiet
from apps.dunning.mails.kinds import KINDS, MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.mails.single import access_mail, canceled_mail, recovered_mail
from apps.dunning.mails.texts import TEXTS, Words, filled, unknown_variables

NEW_YORK = "America/New_York"
MONDAY = dt.datetime(2026, 11, 2, 15, 0, tzinfo=dt.UTC)  # 10:00 in New York
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
ALL_ON = dict.fromkeys(MailKind, MONDAY - 30 * DAY)
RULES = MailRules(on=ALL_ON)


def facts(**changes) -> MailFacts:
    return MailFacts(**{"failed_at": MONDAY, "need": "new_method", "zone": NEW_YORK, **changes})


def ask(now=MONDAY, rules=RULES, **changes):
    return next_mail(facts=facts(**changes), rules=rules, now=now)


def sent(*steps: tuple[str, dt.timedelta]) -> tuple[Sent, ...]:
    return tuple(Sent(step, MONDAY + after) for step, after in steps)


class TestTheSequence:
    def test_a_hard_decline_is_written_about_at_once(self):
        decision = ask()

        assert decision.step.kind == MailKind.FAILED_1
        assert decision.at == MONDAY

    def test_a_silent_try_due_within_a_day_goes_first(self):
        decision = ask(need="retry", next_try_at=MONDAY + 6 * HOUR)

        assert decision.at == MONDAY + 7 * HOUR
        assert "silent try" in decision.why

    def test_a_silent_try_later_than_a_day_is_not_waited_for(self):
        assert ask(need="retry", next_try_at=MONDAY + 2 * DAY).at == MONDAY

    def test_silent_tries_one_after_the_other_do_not_keep_it_quiet_for_ever(self):
        now = MONDAY + 3 * DAY

        decision = ask(now=now, need="retry", next_try_at=now + HOUR)

        assert decision.at == now

    def test_it_grows_firmer_in_its_own_time(self):
        first = (("failed_1", HOUR),)
        second = ask(now=MONDAY + HOUR, sent=sent(*first))
        assert (second.step.name, second.at) == ("failed_2", MONDAY + 4 * DAY)

        third = ask(now=MONDAY + 5 * DAY, sent=sent(*first, ("failed_2", 4 * DAY)))
        assert (third.step.name, third.at) == ("failed_3", MONDAY + 10 * DAY)

    def test_a_late_start_keeps_the_steps_apart(self):
        decision = ask(now=MONDAY + 12 * DAY, sent=sent(("failed_1", 12 * DAY)))

        assert decision.step.name == "failed_2"
        assert decision.at >= MONDAY + 14 * DAY

    def test_the_last_word_comes_before_the_end_and_nothing_milder_after_it(self):
        ends_at = MONDAY + 9 * DAY
        steps = sequence(facts=facts(ends_at=ends_at), rules=RULES)

        assert [step.name for step in steps] == ["failed_1", "failed_2", "final_notice"]
        assert steps[-1].at == ends_at - 2 * DAY

    def test_nothing_is_written_after_the_end(self):
        decision = ask(
            now=MONDAY + 3 * DAY, ends_at=MONDAY + 3 * DAY, sent=sent(("failed_1", 2 * DAY))
        )

        assert isinstance(decision, Silence)

    def test_what_the_bank_waits_for_has_a_sequence_of_its_own(self):
        done: list[Sent] = []
        names = []
        now = MONDAY
        while isinstance(decision := ask(now=now, need="confirm", sent=tuple(done)), Write):
            now = decision.at
            names.append((decision.step.name, (now - MONDAY).days))
            done.append(Sent(decision.step.name, now))

        assert names == [
            ("confirm", 0),
            ("confirm_reminder_1", 1),
            ("confirm_reminder_2", 3),
            ("confirm_reminder_3", 7),
        ]

    def test_reminders_follow_the_days_chosen(self):
        rules = MailRules(on=ALL_ON, confirm_days=(2,))

        steps = sequence(facts=facts(need="confirm"), rules=rules)

        assert [(step.name, step.at - MONDAY) for step in steps] == [
            ("confirm", 0 * DAY),
            ("confirm_reminder_1", 2 * DAY),
        ]


class TestSilence:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"is_open": False}, "closed"),
            ({"is_live": False}, "imported"),
            ({"is_automatic": False}, "sent_invoice"),
            ({"is_processing": True}, "processing"),
            ({"address": "missing"}, "no_address"),
            ({"address": "bounced"}, "bounced"),
        ],
    )
    def test_there_are_reasons_to_write_nothing(self, changes, code):
        assert ask(**changes).code == code

    def test_a_kind_that_is_off_is_left_out(self):
        on: dict[MailKind, dt.datetime] = dict(ALL_ON)
        del on[MailKind.FAILED_1]

        assert ask(rules=MailRules(on=on)).step.name == "failed_2"

    def test_with_everything_off_nobody_is_written_to(self):
        assert ask(rules=MailRules()).code == "done"

    def test_switching_on_writes_to_nobody_whose_payment_failed_before(self):
        rules = MailRules(on=dict.fromkeys(MailKind, MONDAY + HOUR))

        assert isinstance(ask(now=MONDAY + DAY, rules=rules), Silence)


class TestCalm:
    def test_the_night_is_quiet_where_the_customer_lives(self):
        night = dt.datetime(2026, 11, 3, 4, 0, tzinfo=dt.UTC)  # 23:00 on Monday

        decision = ask(now=night)

        local = decision.at.astimezone(ZoneInfo(NEW_YORK))
        assert (local.day, local.hour) == (3, 8)
        assert "Quiet" in decision.why

    def test_one_person_gets_so_many_mails_a_week(self):
        before = tuple(MONDAY - days * DAY for days in (6, 4, 2))

        decision = ask(to_person=before)

        assert decision.at == MONDAY + DAY

    def test_one_person_gets_one_mail_a_day(self):
        decision = ask(to_person=(MONDAY - HOUR,))

        assert decision.at > MONDAY + 18 * HOUR

    def test_what_the_bank_waits_for_is_asked_for_at_once(self):
        assert ask(need="confirm", to_person=(MONDAY - HOUR,)).at == MONDAY


@given(
    moment=st.datetimes(
        dt.datetime(2026, 1, 1),  # noqa: DTZ001
        dt.datetime(2027, 12, 31),  # noqa: DTZ001
        timezones=st.just(dt.UTC),
    ),
    zone=st.sampled_from([NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    quiet_from=st.integers(0, 23),
    quiet_until=st.integers(0, 23),
)
def test_after_the_night_it_is_never_night(moment, zone, quiet_from, quiet_until):
    at = after_the_night(moment, zone=zone, quiet_from=quiet_from, quiet_until=quiet_until)

    assert moment <= at <= moment + 25 * HOUR
    hour = at.astimezone(ZoneInfo(zone)).hour
    assert not is_quiet(hour, quiet_from=quiet_from, quiet_until=quiet_until)


@given(
    offsets=st.lists(st.integers(0, 240), max_size=6),
    need=st.sampled_from(["retry", "new_method", "confirm"]),
    next_try=st.one_of(st.none(), st.integers(1, 500)),
    ends=st.one_of(st.none(), st.integers(24, 24 * 40)),
)
def test_a_whole_sequence_is_capped_in_order_and_comes_to_an_end(offsets, need, next_try, ends):
    person = [MONDAY - number * HOUR for number in offsets]
    done: list[Sent] = []
    now = MONDAY
    for _ in range(20):
        decision = ask(
            now=now,
            need=need,
            next_try_at=MONDAY + next_try * HOUR if next_try else None,
            ends_at=MONDAY + ends * HOUR if ends else None,
            sent=tuple(done),
            to_person=tuple(person),
        )
        if isinstance(decision, Silence):
            break
        assert decision.at >= now
        now = decision.at
        assert decision.step.name not in {one.step for one in done}
        week = [at for at in person if at > now - 7 * DAY]
        assert decision.step.kind == MailKind.CONFIRM or len(week) < RULES.weekly_cap
        done.append(Sent(decision.step.name, now))
        person.append(now)
    else:
        raise AssertionError("it never ends")


class TestSingleMails:
    def test_thanks_go_only_to_who_was_written_to(self):
        closed = facts(is_open=False)
        assert isinstance(
            recovered_mail(facts=closed, rules=RULES, is_awake=False, now=MONDAY), Silence
        )

        told = facts(is_open=False, sent=sent(("failed_1", HOUR)))
        decision = recovered_mail(facts=told, rules=RULES, is_awake=False, now=MONDAY)
        assert isinstance(decision, Write)
        assert decision.step.kind == MailKind.RECOVERED

    def test_who_has_just_paid_is_thanked_even_at_night(self):
        night = dt.datetime(2026, 11, 3, 4, 0, tzinfo=dt.UTC)
        told = facts(is_open=False, sent=sent(("failed_1", HOUR)))

        awake = recovered_mail(facts=told, rules=RULES, is_awake=True, now=night)
        asleep = recovered_mail(facts=told, rules=RULES, is_awake=False, now=night)

        assert isinstance(awake, Write)
        assert isinstance(asleep, Write)
        assert awake.at == night
        assert asleep.at > night

    def test_the_loss_of_access_is_not_told_twice(self):
        said = access_mail(facts=facts(), rules=RULES, now=MONDAY)
        assert isinstance(said, Silence)
        assert said.code == "said"

        quiet = MailRules(on={MailKind.ACCESS_REVOKED: MONDAY - DAY})
        decision = access_mail(facts=facts(), rules=quiet, now=MONDAY)
        assert isinstance(decision, Write)
        assert decision.step.kind == MailKind.ACCESS_REVOKED

    def test_the_end_is_told_where_that_is_on(self):
        closed = facts(is_open=False)

        assert isinstance(canceled_mail(facts=closed, rules=RULES, now=MONDAY), Write)
        assert isinstance(canceled_mail(facts=closed, rules=MailRules(), now=MONDAY), Silence)


class TestTexts:
    def test_every_kind_has_words_and_knows_its_variables(self):
        assert set(TEXTS) == set(KINDS) == set(MailKind)
        for words in TEXTS.values():
            assert unknown_variables(words) == ()

    def test_unknown_variables_are_named_once(self):
        words = Words("{amount} {who}", "", "{who} {Amount}", "")

        assert unknown_variables(words) == ("who", "Amount")

    def test_a_value_is_put_in_and_a_missing_one_leaves_nothing(self):
        assert filled("{amount} for {offer}{end}", {"amount": "$1", "offer": "x"}) == "$1 for x"


class TestWithoutReminders:
    def test_the_first_word_and_the_last_still_go_out(self):
        known = facts(address="no_reminders", ends_at=MONDAY + 20 * DAY)

        steps = [one.kind for one in sequence(facts=known, rules=RULES)]

        assert steps == [MailKind.FAILED_1, MailKind.FINAL_NOTICE]

    def test_when_nothing_else_is_left_it_says_why(self):
        decision = ask(address="no_reminders", sent=sent(("failed_1", HOUR)))

        assert decision.code == "no_reminders"
