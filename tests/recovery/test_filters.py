"""What the list of cases can be narrowed to, and what its tabs count."""

import csv
import datetime as dt
import re
import uuid
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.dunning.codes import all_rows
from apps.dunning.presets import PRESETS, RECOMMENDED
from apps.dunning.rules import RetryRules
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.queries.left import with_tries_left
from apps.recovery.views.status import retries_planned
from tests.accounts.factories import MembershipFactory
from tests.customers.factories import CustomerFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

LIST = reverse("recovery:list")
NOW = dt.datetime(2026, 11, 24, 17, 0, tzinfo=dt.UTC)


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


class TestFilters:
    def shown(self, client, **query):
        page = text(client.get(LIST, query))
        return [name for name in ("Ada", "Ben", "Cyn") if name in page]

    @pytest.fixture
    def cases(self, merchant):
        found = {}
        for name, made in (("Ada", 0), ("Ben", 7), ("Cyn", 8)):
            customer = CustomerFactory(merchant=merchant, name=name)
            found[name] = CaseFactory(
                merchant=merchant,
                stripe_customer_id=customer.stripe_customer_id,
                rules=RECOMMENDED.to_json(),
                retries_made=made,
                last_decline_code="insufficient_funds",
            )
        return found

    def note(self, case, kind):
        CaseEvent.objects.create(
            case=case, merchant_id=case.merchant_id, kind=kind, key=kind, at=NOW
        )

    def test_by_the_retries_that_are_left(self, client, cases):
        assert self.shown(client, left="0") == ["Cyn"]
        assert self.shown(client, left="1") == ["Ben"]
        assert self.shown(client, left=["0", "3"]) == ["Ada", "Cyn"]

    def test_by_what_became_of_the_emails(self, client, cases):
        self.note(cases["Ada"], "mail_sent")
        self.note(cases["Ada"], "link_used")
        self.note(cases["Ben"], "mail_bounced")

        assert self.shown(client, emails="sent") == ["Ada"]
        assert self.shown(client, emails="used") == ["Ada"]
        assert self.shown(client, emails=["used", "bounced"]) == ["Ada", "Ben"]
        assert self.shown(client, emails="none") == ["Ben", "Cyn"]

    def test_by_what_the_case_did_to_access(self, client, cases):
        self.note(cases["Ada"], "access_revoked")

        assert self.shown(client, access="revoked") == ["Ada"]
        assert self.shown(client, access="unchanged") == ["Ben", "Cyn"]

    def test_a_case_is_in_the_file_as_it_is_in_the_list(self, client, cases):
        self.note(cases["Ada"], "mail_sent")
        data = {"key": uuid.uuid4(), "which": "all", "times": "offset", "zone": "UTC"}

        answer = client.post("/exports/new/recovery/?emails=sent", data)

        lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
        (row,) = csv.DictReader(lines)
        assert (row["Customer name"], row["Emails sent"], row["Payment link used"]) == (
            "Ada",
            "1",
            "",
        )


@pytest.mark.parametrize("rules", [preset.rules for preset in PRESETS.values()])
def test_the_database_counts_the_tries_left_as_the_page_does(merchant, rules):
    pairs = [(one.code, "") for one in all_rows()] + [
        ("card_declined", one.code) for one in all_rows()
    ]
    pairs += [("", ""), ("", "brand_new"), ("card_declined", "brand_new"), ("brand_new", "")]
    for engine in ("recoup", "stripe"):
        RecoveryCase.objects.bulk_create(
            CaseFactory.build(
                merchant=merchant,
                engine=engine,
                rules=rules.to_json(),
                retries_made=1,
                last_failure_code=outer,
                last_decline_code=inner,
            )
            for outer, inner in pairs
        )

    for case in with_tries_left(RecoveryCase.objects.all()):
        total = retries_planned(case, RetryRules.from_json(case.rules))
        expected = None if total is None else total - 1
        assert vars(case)["left"] == expected, (case.last_failure_code, case.last_decline_code)


def test_tabs_say_how_many_cases_stand_behind_them(client, merchant, monkeypatch):
    CaseFactory.create_batch(2, merchant=merchant, next_step="retry", next_try_at=NOW)
    CaseFactory(merchant=merchant, next_step="new_card")

    page = client.get(LIST)
    assert tabs_of(page)[:4] == ["Open 3", "Needs attention 1", "Retrying 2", "Needs a new card 1"]
    assert "Lost 0" in tabs_of(page)
    monkeypatch.setattr("apps.web.filters.TAB_CAP", 1)
    assert tabs_of(client.get(LIST))[0] == "Open 1+"
    assert tabs_of(client.get(LIST, {"q": "somebody"}))[0] == "Open", "that number would be another"


def tabs_of(response) -> list[str]:
    (nav,) = re.findall(r'<nav class="tabs".*?</nav>', response.content.decode(), re.DOTALL)
    links = re.findall(r"<a [^>]*>(.*?)</a>", nav, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", link).split()) for link in links]
