"""The retry calendar and its feed."""

import datetime as dt
import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from icalendar import Calendar

from apps import clock
from apps.recovery.models import CalendarFeed
from apps.recovery.services.feed import hash_of
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.dunning_emails.factories import MailFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

PAGE = reverse("recovery:calendar")
NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)  # noon in New York
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def membership(client):
    membership = MembershipFactory(merchant__name="Willow Studio")
    client.force_login(membership.user)
    return membership


@pytest.fixture
def merchant(membership):
    return membership.merchant


def planned(merchant, at, **values):
    return CaseFactory(merchant=merchant, next_step="retry", next_try_at=at, **values)


def days(response) -> dict[str, str]:
    """What stands on each day that has something, by its number; other months left out."""
    cells = re.findall(r'<td role="cell"(.*?)</td>', response.content.decode(), re.DOTALL)
    words = [
        " ".join(unescape(re.sub(r'<span class="weekday".*?</span>|<[^>]+>', " ", cell)).split())
        for cell in cells
        if "<b>" in cell
    ]
    found = (re.search(r"(\w+, \w+ \d+)(?: Today)? (.*) to be tried", one) for one in words)
    return {match[1]: match[2] for match in found if match}


class TestPage:
    def test_planned_mails_stand_below_the_tries_on_their_own_day(self, client, merchant):
        case = planned(merchant, NOW + 3 * DAY)
        late = dt.datetime(2026, 11, 24, 3, 0, tzinfo=dt.UTC)  # still the 23rd in New York
        for step, at in (("failed_1", NOW - DAY), ("failed_2", late), ("failed_3", late)):
            MailFactory(case=case, step=step, kind=step, due_at=at)
        MailFactory(case=case, step="confirm", kind="confirm", due_at=late, status="dropped")
        MailFactory(case__merchant=MerchantFactory(), due_at=late)

        page = client.get(PAGE).content.decode()

        cells = re.findall(r'<td role="cell"(.*?)</td>', page, re.DOTALL)
        read = [
            " ".join(re.sub(r'<span class="weekday".*?</span>|<[^>]+>', " ", one).split())
            for one in cells
        ]
        mailed = [one for one in read if "email" in one]
        assert len(mailed) == 2
        assert "Wednesday, November 18 Today 1 email" in mailed[0].replace('today">', "")
        assert mailed[1].endswith("Monday, November 23 2 emails")

    def test_each_case_stands_on_the_day_of_its_next_try(self, client, merchant):
        planned(merchant, NOW + 3 * DAY)
        planned(merchant, NOW + 3 * DAY, amount_due_minor=10000)
        planned(merchant, NOW + 3 * DAY, amount_due_minor=9800, currency="jpy")
        planned(merchant, NOW + 5 * DAY)
        CaseFactory(merchant=merchant, next_step="new_card")
        planned(MerchantFactory(), NOW + 4 * DAY)

        response = client.get(PAGE)

        assert days(response) == {
            "Saturday, November 21": "3 · $249.00 · ¥9,800",
            "Monday, November 23": "1 · $149.00",
        }
        assert "4 retries in November 2026." in response.content.decode()

    def test_a_day_leads_to_its_cases(self, client, merchant):
        wanted = planned(merchant, NOW + 3 * DAY)
        planned(merchant, NOW + 5 * DAY)
        html = client.get(PAGE).content.decode()

        [link] = [
            one for one in re.findall(r'href="([^"]+)"', html) if "next_from=2026-11-21" in one
        ]

        page = client.get(unescape(link)).content.decode()
        assert reverse("recovery:case", args=[wanted.pk]) in page
        assert page.count('class="main"') == 1
        assert "Nov 21" in page

    def test_days_are_the_merchants_and_what_is_overdue_counts_today(self, client, merchant):
        planned(merchant, dt.datetime(2026, 11, 22, 4, 30, tzinfo=dt.UTC))  # still the 21st there
        planned(merchant, NOW - 2 * DAY)

        shown = days(client.get(PAGE))

        assert set(shown) == {"Wednesday, November 18", "Saturday, November 21"}
        today = f"{reverse('recovery:list')}?next_from=2026-11-18&next_to=2026-11-18&view=retrying"
        assert client.get(today).content.decode().count('class="main"') == 1

    def test_what_stripe_schedules_after_a_hard_decline_is_no_try(self, client, merchant):
        CaseFactory(
            merchant=merchant,
            engine="stripe",
            next_step="stripe",
            next_try_at=NOW + DAY,
            last_decline_code="stolen_card",
        )

        assert days(client.get(PAGE)) == {}

    @pytest.mark.parametrize(
        ("month", "title"),
        [
            ("2026-12", "December 2026"),
            ("2027-02", "February 2027"),
            ("", "November 2026"),
            ("2026-13", "November 2026"),
            ("nonsense", "November 2026"),
            ("9999-12", "November 2026"),
            ("0001-01", "November 2026"),
        ],
    )
    def test_the_month_is_in_the_address(self, client, merchant, month, title):
        page = client.get(f"{PAGE}?month={month}").content.decode()

        assert f'<h2 id="month">{title}</h2>' in page
        assert ("Today</a>" in page) is (title != "November 2026")

    def test_the_week_starts_as_the_locale_says(self, client, merchant):
        merchant.locale = "de_DE"
        merchant.save()

        html = client.get(PAGE).content.decode()

        assert re.findall(r'scope="col">(.*?)</th>', html)[0] == "Montag"


class TestFeed:
    def open(self, client) -> str:
        html = client.post(reverse("recovery:open_feed")).content.decode()
        [url] = set(re.findall(r"http://testserver(/[^\"<]+\.ics)", html))
        return url

    def test_shown_once_kept_as_a_hash_and_replaced(self, client, membership):
        first = self.open(client)

        assert first not in client.get(PAGE).content.decode()
        token = first.rsplit("/", 1)[-1].removesuffix(".ics")
        assert CalendarFeed.objects.get().token_hash == hash_of(token) != token
        second = self.open(client)
        assert client.get(first).status_code == 404
        assert client.get(second).status_code == 200

    def test_holds_days_counts_and_amounts_and_no_customer(self, client, merchant):
        planned(merchant, NOW + 3 * DAY, stripe_customer_id="cus_secret", offer_name="Yoga")
        planned(merchant, NOW + 3 * DAY, amount_due_minor=10000)
        url = self.open(client)
        client.logout()

        response = client.get(url)

        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert "no-store" in response["Cache-Control"]
        [event] = Calendar.from_ical(response.content).walk("VEVENT")
        assert str(event["summary"]) == "2 retries, $249.00"
        assert event.decoded("dtstart") == dt.date(2026, 11, 21)
        assert urlsplit(str(event["url"])).query.startswith("next_from=2026-11-21")
        for secret in (b"cus_secret", b"Yoga", b"Sofia"):
            assert secret not in response.content

    def test_switched_off_it_is_gone(self, client, membership):
        url = self.open(client)

        client.post(reverse("recovery:close_feed"))

        assert client.get(url).status_code == 404
        assert "Make an address" in client.get(PAGE).content.decode()

    def test_ends_with_the_person(self, client, membership):
        url = self.open(client)

        membership.user.is_active = False
        membership.user.save()

        assert client.get(url).status_code == 404

    def test_a_wrong_secret_finds_nothing(self, client, membership):
        self.open(client)

        assert client.get(reverse("recovery:calendar_feed", args=["x" * 43])).status_code == 404
