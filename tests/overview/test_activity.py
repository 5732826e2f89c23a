import datetime as dt

import pytest
from django.urls import reverse

from apps.accounts.services import record_audit
from apps.overview.activity import KINDS, WORDS
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
        seen += [entry.action for entry, *_ in answer.context["rows"]]
        before = answer.context["next"]

    assert len(seen) == len(set(seen)) == 120


def test_one_persons_own(client, member):
    note(member.merchant, 1, member.user)
    note(member.merchant, 2)

    rows = client.get(URL, {"who": member.user.email}).context["rows"]

    assert [entry.action for entry, *_ in rows] == ["action.001"]


class TestNarrowed:
    @pytest.fixture
    def entries(self, member):
        done: list[tuple[str, str, dict[str, object]]] = [
            ("case.retry_now", "in_77", {}),
            ("access.revoke", "sub_1", {"by": "Ana"}),
            ("preferences.save", "", {"time_zone": "Europe/Berlin"}),
            ("stripe.connected", "acct_1", {}),
        ]
        for action, subject, after in done:
            record_audit(
                merchant=member.merchant,
                user=member.user,
                action=action,
                subject=subject,
                at=NOW,
                after=after,
            )

    def found(self, client, **query):
        return [entry.action for entry, *_ in client.get(URL, query).context["rows"]]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"kind": "access"}, ["access.revoke"]),
            ({"kind": "cases"}, ["case.retry_now"]),
            ({"q": "in_77"}, ["case.retry_now"]),
            ({"q": "berlin"}, ["preferences.save"]),
            ({"q": "connected stripe"}, ["stripe.connected"]),
            ({"q": "ana", "kind": "cases"}, []),
            ({"q": "100%"}, []),
        ],
    )
    def test_by_kind_and_by_words(self, client, entries, query, expected):
        assert self.found(client, **query) == expected

    def test_nonsense_filters_nothing(self, client, entries):
        assert len(self.found(client, kind="nonsense", who="nobody", q=" \x00")) == 4

    def test_older_pages_keep_what_was_chosen(self, client, member):
        for number in range(60):
            note(member.merchant, number)

        answer = client.get(URL, {"q": "action"})

        assert f"?q=action&amp;before={answer.context['next']}" in answer.content.decode()

    def test_what_was_done_is_said_in_words(self, client, entries):
        page = client.get(URL).content.decode()

        assert "Retried by hand" in page
        assert "case.retry_now" not in page


def test_every_action_belongs_to_a_kind():
    starts = [start for _name, begin in KINDS.values() for start in begin]

    assert [one for one in WORDS if not one.startswith(tuple(starts))] == []
