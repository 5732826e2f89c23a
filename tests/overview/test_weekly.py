"""The weekly review: what it is found in, the page, and one mail a week in the merchant's zone."""

import datetime as dt
import re
import uuid
from html import unescape

import pytest
from django.core import mail
from django.urls import reverse

from apps import clock
from apps.accounts.models import Role
from apps.analytics.models import AlertSettings, DayBreakdown, DayToCount, WeeklyReview
from apps.overview.weekly import review_everybody
from apps.overview.weekly_facts import week_facts
from apps.recovery.models import CaseEvent
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.customers.factories import CustomerFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db

WEEK = dt.date(2026, 11, 16)
# Monday, 8:30 in New York.
NOW = dt.datetime(2026, 11, 23, 13, 30, tzinfo=dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
PAGE = reverse("overview:weekly")


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def member():
    return MembershipFactory(user__email="owner@example.com")


@pytest.fixture
def merchant(member):
    return member.merchant


def breakdown(merchant, day, dimension, key, *, tries, paid):
    DayBreakdown.objects.create(
        merchant=merchant,
        day=day,
        currency="usd",
        dimension=dimension,
        key=key,
        tries=tries,
        tries_paid=paid,
    )


def a_low_week(merchant):
    breakdown(merchant, WEEK + 2 * DAY, "number", "1", tries=30, paid=6)


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_the_week_and_the_four_before_it_are_told_apart(merchant):
    for day, tries, paid in (
        (WEEK - DAY, 40, 20),
        (WEEK, 10, 1),
        (WEEK + 6 * DAY, 20, 2),
        (WEEK + 7 * DAY, 99, 99),
        (WEEK - 29 * DAY, 99, 99),
    ):
        breakdown(merchant, day, "number", "1", tries=tries, paid=paid)
        breakdown(merchant, day, "reason", "do_not_honor", tries=tries, paid=paid)
    breakdown(MerchantFactory(), WEEK, "number", "1", tries=99, paid=99)

    facts = week_facts(merchant=merchant, first=WEEK, now=NOW)

    assert (facts.retries.part, facts.retries.whole) == (3, 30)
    assert (facts.before.part, facts.before.whole) == (20, 40)
    (reason,) = facts.reasons
    assert (reason.key, reason.week.whole, reason.before.whole) == ("do_not_honor", 30, 40)


def test_lack_of_funds_is_split_by_paydays(merchant):
    for day, paid in ((dt.date(2026, 11, 15), 8), (dt.date(2026, 11, 18), 2)):
        breakdown(merchant, day, "reason", "insufficient_funds", tries=10, paid=paid)

    facts = week_facts(merchant=merchant, first=WEEK, now=NOW)

    assert (facts.near_payday.part, facts.other_days.part) == (8, 2)


def test_people_are_those_only_they_can_pay_with_what_is_known_of_them(merchant):
    customer = CustomerFactory(merchant=merchant, name="Ana Long")
    subscription = SubscriptionFactory(merchant=merchant, started_at=NOW - 400 * DAY)
    case = CaseFactory(
        merchant=merchant,
        next_step="new_card",
        stripe_customer_id=customer.stripe_customer_id,
        stripe_subscription_id=subscription.stripe_subscription_id,
    )
    CaseEvent.objects.create(case=case, merchant=merchant, kind="link_used", at=NOW)
    CaseFactory(merchant=merchant, next_step="retry")
    CaseFactory(next_step="new_card")

    (person,) = week_facts(merchant=merchant, first=WEEK, now=NOW).people

    assert (person.name, person.months, person.opened_link) == ("Ana Long", 13, True)


def test_how_many_questions_it_asks_does_not_grow(merchant, django_assert_max_num_queries):
    a_low_week(merchant)
    for _ in range(5):
        CaseFactory(merchant=merchant, next_step="new_card")

    with django_assert_max_num_queries(14):
        week_facts(merchant=merchant, first=WEEK, now=NOW)


class TestMail:
    def test_owners_and_admins_get_one_on_monday_morning_in_the_merchants_zone(self, merchant):
        MembershipFactory(merchant=merchant, role=Role.ADMIN, user__email="admin@example.com")
        MembershipFactory(merchant=merchant, role=Role.VIEWER)
        a_low_week(merchant)

        assert review_everybody(now=NOW - HOUR) == 0
        assert not WeeklyReview.objects.exists()
        for later in (dt.timedelta(), HOUR, 3 * DAY):
            review_everybody(now=NOW + later)

        assert [one.to for one in mail.outbox] == [["admin@example.com"], ["owner@example.com"]]
        letter = mail.outbox[0]
        assert "Of 30 retries 6 were paid, 20 %: below your threshold of 30 %." in letter.body
        assert f"{PAGE}?week=2026-11-16" in letter.body
        assert WeeklyReview.objects.get().week == WEEK

    def test_the_next_week_is_another(self, merchant):
        a_low_week(merchant)
        breakdown(merchant, WEEK + 8 * DAY, "number", "1", tries=30, paid=20)

        for week in (0, 7):
            review_everybody(now=NOW + week * DAY)

        assert len(mail.outbox) == 2
        assert "above your threshold" in mail.outbox[1].body

    def test_nothing_to_say_is_not_mailed(self, merchant):
        review_everybody(now=NOW)

        assert mail.outbox == []
        assert WeeklyReview.objects.get().mailed_at is None

    def test_who_does_not_want_it_gets_none(self, merchant):
        AlertSettings.objects.create(merchant=merchant, mails_weekly=False)
        a_low_week(merchant)

        assert review_everybody(now=NOW) == 0

    def test_on_friday_it_is_too_late_for_a_mail(self, merchant):
        a_low_week(merchant)

        assert review_everybody(now=NOW + 4 * DAY) == 0
        assert WeeklyReview.objects.get().mailed_at is None

    def test_it_waits_while_days_are_being_counted(self, merchant):
        a_low_week(merchant)
        for number in range(6):
            DayToCount.objects.create(
                merchant=merchant, day=WEEK + number * DAY, marked_at=NOW, mark=uuid.uuid4()
            )

        assert review_everybody(now=NOW) == 0
        DayToCount.objects.all().delete()
        assert review_everybody(now=NOW) == 1


class TestPage:
    def test_it_shows_the_week_its_hints_and_people(self, client, member, merchant):
        client.force_login(member.user)
        a_low_week(merchant)
        breakdown(merchant, WEEK, "reason", "do_not_honor", tries=20, paid=2)
        breakdown(merchant, WEEK - DAY, "reason", "do_not_honor", tries=40, paid=20)
        CaseFactory(merchant=merchant, next_step="new_card")

        page = text(client.get(PAGE))

        assert "Below the threshold Of 30 retries 6 were paid" in page
        assert "Got worse Declined by bank: 10 % of 20 retries" in page
        assert "Worth a personal note" in page
        assert "Open case" in page

    @pytest.mark.parametrize("week", ["2026-11-18", "2030-01-01", "", "nonsense"])
    def test_any_day_leads_to_a_week_that_is_over(self, client, member, week):
        client.force_login(member.user)

        answer = client.get(PAGE, {"week": week})

        assert answer.context["first"] == WEEK
        assert answer.context["later"] is None
