"""Tries, mails and access of one failure on one line of time."""

from dataclasses import replace
from datetime import UTC, datetime

from apps.dunning.access import AccessRules, Ladder, Step
from apps.dunning.facts import Decline
from apps.dunning.mails.facts import MailFacts
from apps.dunning.mails.kinds import CHASE, MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.outlook import Rulebook, mails_to_come, outlook
from apps.dunning.presets import DAYS_3_5_7, KAJABI, RECOMMENDED, STRIPE_SMART
from apps.dunning.provider_notes import ProviderNotes, assumed_times
from tests.dunning.builders import FAILED_AT, case, days, failed

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ALL_MAILS = MailRules(
    on=dict.fromkeys((*CHASE, MailKind.ACCESS_REVOKED, MailKind.CANCELED), LONG_AGO)
)
AT_ONCE = AccessRules(revoke="first_failure", grace_days=3)


def look(facts=None, retry=DAYS_3_5_7, *, mails=ALL_MAILS, access=AT_ONCE, **more):
    book = Rulebook(retry, mails, access)
    return outlook(facts=facts or case("generic_decline"), book=book, now=FAILED_AT, **more)


def mails_of(found):
    return [(one.step.kind.value, (one.at - FAILED_AT).days) for one in found.mails]


def test_the_sequence_goes_on_beside_the_tries_and_stops_with_them():
    found = look()

    assert [(one.due_at - FAILED_AT).days for one in found.course.tries] == [3, 5, 7]
    kinds = [kind for kind, _ in mails_of(found)]
    assert kinds == ["failed_1", "failed_2", "final_notice"]
    assert all(one.at <= found.course.ends_at for one in found.mails)
    assert all(
        later.at - one.at >= days(2)
        for one, later in zip(found.mails, found.mails[1:], strict=False)
    )


def test_a_silent_try_that_is_due_within_a_day_goes_before_the_first_mail():
    found = look(case("processing_error"), RECOMMENDED)

    first_try, first_mail = found.course.tries[0], found.mails[0]
    assert first_try.due_at < first_mail.at


def test_no_mail_is_on_and_none_is_planned():
    assert look(mails=MailRules()).mails == ()


def test_a_mail_switched_on_after_the_failure_is_not_sent_for_it():
    assert look(mails=MailRules(on={MailKind.FAILED_1: FAILED_AT + days(1)})).mails == ()


def test_access_goes_after_its_grace_and_with_the_subscription():
    assert [(one.state, one.due_at) for one in look().access] == [("revoked", FAILED_AT + days(3))]

    late = AccessRules(revoke="first_failure", grace_days=30)
    ended = look(retry=replace(DAYS_3_5_7, final_action="cancel"), access=late)
    assert [(one.due_at, one.why) for one in ended.access] == [
        (ended.course.ends_at, "The subscription ended.")
    ]

    kept = look(
        retry=replace(DAYS_3_5_7, final_action="cancel"), access=replace(late, at_end="keep")
    )
    assert [one.due_at for one in kept.access] == [FAILED_AT + days(30)]


def test_access_when_the_tries_are_used_up_follows_the_schedule():
    rules = AccessRules(revoke="tries_used_up", grace_days=2)

    found = look(access=rules)

    assert [one.due_at for one in found.access] == [found.course.ends_at + days(2)]
    assert look(retry=KAJABI, access=rules).access[0].due_at != found.access[0].due_at


def test_each_rung_of_a_ladder_has_its_day():
    ladder = Ladder((Step("banner", 0), Step("limited", 4), Step("revoked", 6)))

    found = look(access=AccessRules(revoke="first_failure", ladders=(ladder,)))

    assert [(one.state, (one.due_at - FAILED_AT).days) for one in found.access] == [
        ("banner", 0),
        ("limited", 4),
        ("revoked", 6),
    ]


def test_nothing_chosen_takes_nothing_and_one_off_invoices_never_do():
    assert look(access=None).access == ()
    assert look(case("generic_decline", recurring=False)).access == ()


def test_three_d_secure_takes_access_only_after_the_end_and_asks_for_the_bank():
    asks = failed(decline=Decline("authentication_required", "authentication_required"))

    found = look(case(asks), RECOMMENDED)

    assert [one.due_at for one in found.access] == [found.course.ends_at + days(3)]
    assert {kind for kind, _ in mails_of(found)} <= {"confirm", "confirm_reminder", "final_notice"}
    assert mails_of(found)[0] == ("confirm", 0)


def test_a_mail_about_access_goes_out_where_no_other_says_it():
    mails = MailRules(on={MailKind.FAILED_1: LONG_AGO, MailKind.ACCESS_REVOKED: LONG_AGO})

    found = look(mails=mails)

    assert [kind for kind, _ in mails_of(found)] == ["failed_1", "access_revoked"]


def test_the_end_of_the_subscription_is_told_after_it():
    found = look(retry=replace(DAYS_3_5_7, final_action="cancel"))

    assert found.mails[-1].step.kind == MailKind.CANCELED
    assert found.mails[-1].at >= found.course.ends_at
    assert "canceled" not in [kind for kind, _ in mails_of(look())]


def test_an_open_case_foretells_the_mail_that_tells_its_end():
    def kinds(retry, facts):
        base = MailFacts(failed_at=FAILED_AT, need="retry", zone=facts.zone)
        found = mails_to_come(facts=facts, base=base, retry=retry, mails=ALL_MAILS, now=FAILED_AT)
        return [one.step.kind for one in found]

    cancels = replace(DAYS_3_5_7, final_action="cancel")
    facts = case("generic_decline")

    assert kinds(cancels, facts)[-1] == MailKind.CANCELED
    assert MailKind.CANCELED not in kinds(DAYS_3_5_7, facts)
    assert MailKind.CANCELED not in kinds(cancels, replace(facts, recurring=False))


class TestBesideStripe:
    TIMES = assumed_times(ProviderNotes("smart", 3, 21), first_failed_at=FAILED_AT)
    GAPS = replace(DAYS_3_5_7, engine="gaps")

    def test_stripes_tries_are_followed_to_the_end_of_its_window(self):
        found = look(retry=STRIPE_SMART, provider_tries=self.TIMES)

        assert found.course.provider_tries == self.TIMES
        assert found.course.ends_at == FAILED_AT + days(21)
        assert found.course.tries == ()

    def test_ours_stand_between_and_never_near_the_next(self):
        found = look(retry=self.GAPS, provider_tries=self.TIMES)

        assert len(found.course.tries) == 3
        assert found.course.provider_tries == self.TIMES
        for ours in found.course.tries:
            coming = [at for at in self.TIMES if at > ours.due_at]
            assert coming
            assert coming[0] - ours.due_at >= self.GAPS.gap

    def test_a_close_schedule_of_stripes_leaves_no_gap(self):
        often = assumed_times(ProviderNotes("smart", 8, 14), first_failed_at=FAILED_AT)

        assert look(retry=self.GAPS, provider_tries=often).course.tries == ()

    def test_stripe_ends_the_subscription_only_where_that_was_noted(self):
        late = AccessRules(revoke="first_failure", grace_days=30)
        kept = look(retry=STRIPE_SMART, access=late, provider_tries=self.TIMES)
        ended = look(
            retry=STRIPE_SMART, access=late, provider_tries=self.TIMES, provider_cancels=True
        )

        assert [one.due_at for one in kept.access] == [FAILED_AT + days(30)]
        assert [one.due_at for one in ended.access] == [FAILED_AT + days(21)]

    def test_without_assumed_times_stripes_course_has_no_end(self):
        found = look(
            case("generic_decline", provider_next_try_at=FAILED_AT + days(3)), STRIPE_SMART
        )

        assert found.course.ends_at is None
        assert "final_notice" not in [kind for kind, _ in mails_of(found)]


class TestAssumedTimes:
    def test_stand_evenly_until_the_end_of_the_window(self):
        times = assumed_times(ProviderNotes("custom", 2, 7), first_failed_at=FAILED_AT)

        assert times == (FAILED_AT + days(3.5), FAILED_AT + days(7))

    def test_are_stripes_default_where_nothing_is_noted_and_none_where_off(self):
        unknown = assumed_times(ProviderNotes(), first_failed_at=FAILED_AT)

        assert (len(unknown), unknown[-1]) == (8, FAILED_AT + days(14))
        assert assumed_times(ProviderNotes("off", 5, 7), first_failed_at=FAILED_AT) == ()
