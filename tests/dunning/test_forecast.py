"""The whole course of a case: every try, the day it ends and what is done then."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given

from apps.dunning.access import AccessRules
from apps.dunning.forecast import course
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.outlook import Rulebook
from apps.dunning.policy import plan
from apps.dunning.presets import DAYS_3_5_7, KAJABI, RECOMMENDED, SEED_TABLE, STRIPE_SMART
from apps.dunning.replay import PastFailure, replay
from tests.dunning.builders import FAILED_AT, case, days
from tests.dunning.test_policy_properties import any_rules, cases, moment_after


def ahead(facts, rules=RECOMMENDED, now=FAILED_AT):
    return course(facts=facts, rules=rules, now=now)


def test_ends_with_the_last_try():
    found = ahead(case("generic_decline"), KAJABI)

    assert len(found.tries) == 4
    assert found.ends_at == found.tries[-1].due_at == datetime(2026, 11, 23, 15, tzinfo=UTC)
    assert (found.end.final_action, found.end.invoice_action) == ("cancel", "leave_open")


def test_a_short_schedule_waits_for_the_customer_first():
    found = ahead(case("do_not_honor"), SEED_TABLE)

    assert [len(found.tries), found.ends_at] == [1, FAILED_AT + days(30)]


def test_a_hard_decline_has_no_tries_and_still_an_end():
    found = ahead(case("expired_card"))

    assert (found.tries, found.ends_at) == ((), FAILED_AT + days(21))


def test_stripes_course_is_not_known():
    found = ahead(case("generic_decline", provider_next_try_at=FAILED_AT + days(3)), STRIPE_SMART)

    assert (found.tries, found.ends_at, found.end) == ((), None, None)


@given(cases(), any_rules)
def test_has_the_tries_of_the_plan_and_an_end_after_them(facts, rules):
    now = moment_after(0, facts)

    found = course(facts=facts, rules=rules, now=now)

    planned = plan(facts=facts, rules=rules, now=now)
    assert found.tries[: len(planned)] == planned
    if found.ends_at is not None:
        assert all(one.due_at <= found.ends_at for one in found.tries)


class TestReplay:
    @pytest.mark.parametrize(
        ("paid_after", "tries", "too_late"), [(None, 3, False), (4, 1, False), (9, 3, True)]
    )
    def test_tries_stop_with_the_payment(self, paid_after, tries, too_late):
        paid_at = FAILED_AT + days(paid_after) if paid_after else None

        found = replay(PastFailure(case("generic_decline"), paid_at), Rulebook(DAYS_3_5_7))

        assert (found.tries, found.too_late) == (tries, too_late)
        assert found.ends_at == datetime(2026, 11, 9, 15, tzinfo=UTC)

    def test_a_kind_left_to_stripe_is_stripes(self):
        rules = replace(DAYS_3_5_7, one_off=False)
        past = PastFailure(
            case("generic_decline", recurring=False, provider_next_try_at=FAILED_AT + days(2))
        )

        assert replay(past, Rulebook(rules)).tries == 0

    @pytest.mark.parametrize(
        ("paid_after", "mails", "revoked_after"),
        [(None, 1, 4), (5, 1, 4), (3, 1, None), (0.1, 0, None)],
    )
    def test_mails_and_access_stop_with_the_payment(self, paid_after, mails, revoked_after):
        paid_at = FAILED_AT + days(paid_after) if paid_after else None
        book = Rulebook(
            DAYS_3_5_7,
            MailRules(on={MailKind.FAILED_1: FAILED_AT}, days={MailKind.FAILED_1: 1}),
            AccessRules(revoke="first_failure", grace_days=4),
        )

        found = replay(PastFailure(case("generic_decline"), paid_at), book)

        assert len(found.mails) == mails
        assert found.revoked_at == (FAILED_AT + days(revoked_after) if revoked_after else None)
