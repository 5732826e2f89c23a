"""Whether emails work, and a merchant's own first 90 days."""

import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.analytics.models import DayFigures
from tests.accounts.factories import MembershipFactory
from tests.dunning_emails.factories import MailFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 18)
DAY = dt.timedelta(days=1)
PAGE = reverse("overview:more_figures")


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory()
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def mailed(merchant, *, kind="failed_1", sent_at=NOW - 5 * DAY, paid_at=None, **values):
    case = CaseFactory(
        merchant=merchant,
        failed_at=sent_at - DAY,
        **(
            {
                "status": "recovered",
                "end_reason": "paid",
                "recovered_minor": 1,
                "closed_at": paid_at,
            }
            if paid_at
            else {}
        ),
    )
    return MailFactory(case=case, kind=kind, status="sent", sent_at=sent_at, **values)


def test_a_payment_counts_only_after_the_mail(client, merchant):
    mailed(merchant, paid_at=NOW - 4 * DAY, opened_at=NOW, clicked_at=NOW)
    mailed(merchant, paid_at=NOW - 6 * DAY)
    mailed(merchant)
    mailed(merchant, kind="failed_2", sent_at=NOW - 100 * DAY)
    mailed(MembershipFactory().merchant, kind="failed_3")

    chart = client.get(PAGE, {"period": "30"}).context["chart"]

    ((_title, *numbers),) = chart.rows
    assert numbers == ["3", "1", "1", "1"]


def test_the_file_has_the_same_numbers(client, merchant):
    mailed(merchant, paid_at=NOW - 4 * DAY)

    answer = client.get(reverse("overview:emails_csv"), {"period": "30"})

    lines = b"".join(answer).decode().splitlines()
    assert lines[0].endswith("email,sent,opened,clicked,paid_after")
    assert lines[1].endswith(",1,0,0,1")


def test_without_mails_there_is_nothing_to_show(client, merchant):
    page = text(client.get(PAGE))

    assert "Do the emails work? Emails sent in the period" in page
    assert "Nothing to show for this period." in page
    assert "Here once your first 90 days are over." in page


def test_the_first_90_days_stand_beside_the_period(client, merchant):
    def day(ago: int, *, lost: int):
        DayFigures.objects.create(
            merchant=merchant,
            day=TODAY - ago * DAY,
            currency="usd",
            recovered=10,
            recovered_minor=1000,
            lost=lost,
            lost_minor=100 * lost,
        )

    day(200, lost=10)
    day(112, lost=10)
    day(111, lost=0)
    day(1, lost=0)

    page = text(client.get(PAGE, {"period": "30"}))

    assert "Recovery rate 60 % 100 %" in page
    assert "May 2, 2026 to Jul 30, 2026" in page
