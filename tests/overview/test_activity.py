import datetime as dt

import pytest
from django.urls import reverse

from apps.accounts.services import record_audit
from tests.accounts.factories import MembershipFactory, MerchantFactory

pytestmark = pytest.mark.django_db

URL = reverse("overview:activity")
NOW = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)


@pytest.fixture
def member(client):
    member = MembershipFactory()
    client.force_login(member.user)
    return member


def note(merchant, number, user=None):
    record_audit(
        merchant=merchant,
        user=user,
        action=f"action.{number:03}",
        at=NOW - dt.timedelta(hours=number // 2),
        before={"days": 3, "same": 1},
        after={"days": 5, "same": 1},
    )


def test_what_differs_is_shown_and_nothing_of_others(client, member):
    note(member.merchant, 1, member.user)
    note(MerchantFactory(), 777)

    page = client.get(URL).content.decode()

    assert "days: 3 → 5" in page
    assert "same" not in page
    assert "action.777" not in page


def test_pages_leave_nothing_out_and_repeat_nothing(client, member):
    for number in range(120):
        note(member.merchant, number)

    seen, before = [], ""
    while before is not None:
        answer = client.get(URL, {"before": str(before)})
        seen += [entry.action for entry, _ in answer.context["rows"]]
        before = answer.context["next"]

    assert len(seen) == len(set(seen)) == 120


def test_one_persons_own(client, member):
    note(member.merchant, 1, member.user)
    note(member.merchant, 2)

    rows = client.get(URL, {"who": member.user.email}).context["rows"]

    assert [entry.action for entry, _ in rows] == ["action.001"]
