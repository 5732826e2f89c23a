"""The same for many cases: selection, confirmation, results."""

import datetime as dt
import re
import uuid
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from apps import clock
from apps.accounts.models import AuditEntry
from apps.dunning_emails.models import Mail
from apps.recovery import tasks
from apps.recovery.models import Attempt, BulkItem, BulkRun
from apps.recovery.services import bulk
from apps.recovery.services.manual import NotNow, Started
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.customers.factories import CustomerFactory
from tests.recovery.factories import BulkRunFactory, CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
ASK = reverse("recovery:bulk_retry")
START = reverse("recovery:start_retry")


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def woken(monkeypatch) -> list[int]:
    runs: list[int] = []
    monkeypatch.setattr(
        tasks.run_bulk, "apply_async", lambda *, kwargs, retry: runs.append(kwargs["run_id"])
    )
    return runs


@pytest.fixture
def membership(client):
    membership = MembershipFactory()
    client.force_login(membership.user)
    return membership


@pytest.fixture
def merchant(membership):
    return membership.merchant


def retrying(merchant, **values):
    return CaseFactory(merchant=merchant, next_step="retry", next_try_at=NOW, **values)


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def start(client, cases, *, confirmed=None, key=None):
    data = {
        "pick": [case.pk for case in cases],
        "confirmed": len(cases) if confirmed is None else confirmed,
        "key": key or uuid.uuid4(),
    }
    return client.post(START, data)


class TestAsking:
    def test_counts_and_totals_of_what_can_be_done_and_what_is_left_out(self, client, merchant):
        able = [retrying(merchant), retrying(merchant), retrying(merchant, currency="jpy")]
        unable = [
            CaseFactory(merchant=merchant, next_step="new_card"),
            CaseFactory(merchant=merchant, next_step="authentication"),
        ]

        page = text(client.post(ASK, {"pick": [case.pk for case in [*able, *unable]]}))

        assert "Retry 3 of 5 now?" in page
        assert "¥14,900 JPY · $298.00 USD" in page
        assert "2 are left out" in page
        assert not BulkRun.objects.exists()

    def test_a_charge_under_way_and_closed_cases_are_left_out(self, client, merchant):
        busy = retrying(merchant)
        Attempt.objects.create(case=busy, number=1, status="running", due_at=NOW)
        closed = CaseFactory(
            merchant=merchant, status="stopped", end_reason="stopped_by_person", closed_at=NOW
        )

        page = text(client.post(ASK, {"pick": [busy.pk, closed.pk]}))

        assert "Nothing to do" in page

    def test_all_of_a_list_is_its_query(self, client, merchant):
        wanted = [retrying(merchant) for _ in range(3)]
        retrying(merchant, currency="jpy")

        response = client.post(ASK, {"all": "on", "query": "currency=usd&view=retrying"})

        assert "Retry 3 of 3 now?" in text(response)
        picks = set(re.findall(r'name="pick" value="(\d+)"', response.content.decode()))
        assert picks == {str(case.pk) for case in wanted}

    def test_all_of_the_transactions_are_their_open_cases(self, client, merchant):
        case = retrying(merchant)
        TransactionFactory(merchant=merchant, retrying=True, case_id=case.pk, case_status="open")
        TransactionFactory(merchant=merchant)

        url = reverse("transactions:bulk_retry")
        page = text(client.post(url, {"all": "on", "query": "status=failed"}))

        assert "Retry 1 of 1 now?" in page

    @pytest.mark.parametrize(
        ("name", "make"),
        [("transactions", TransactionFactory), ("subscriptions", SubscriptionFactory)],
    )
    def test_picked_rows_of_other_lists_stand_for_their_open_cases(
        self, client, merchant, name, make
    ):
        case = retrying(merchant)
        rows = [
            make(merchant=merchant, case_id=case.pk, case_status="open"),
            make(merchant=merchant, case_id=retrying(merchant).pk, case_status="recovered"),
            make(merchant=merchant),
        ]

        url = reverse(f"{name}:bulk_retry")
        response = client.post(url, {"pick": [row.pk for row in rows]})

        assert "Retry 1 of 3 now?" in text(response)
        assert "2 are left out" in text(response)
        picks = re.findall(r'name="pick" value="(\d+)"', response.content.decode())
        assert picks == [str(case.pk)]

    def test_another_merchants_cases_are_not_there(self, client, merchant):
        other = retrying(MerchantFactory())

        assert "Nothing to do" in text(client.post(ASK, {"pick": [other.pk]}))

    def test_there_is_an_end_to_it(self, client, merchant, monkeypatch):
        for module in (bulk, __import__("apps.recovery.views.bulk", fromlist=["x"])):
            monkeypatch.setattr(module, "MOST_CASES", 2)
        cases = [retrying(merchant) for _ in range(3)]

        page = text(client.post(ASK, {"pick": [case.pk for case in cases]}))

        assert "Retry 2 of 2 now?" in page
        assert "At most 2 at once" in page


class TestStarting:
    def test_what_was_confirmed_is_kept_written_down_and_handed_on(
        self, client, merchant, membership, woken
    ):
        cases = [retrying(merchant), retrying(merchant)]

        response = start(client, cases)

        run = BulkRun.objects.get()
        assert response["Location"] == reverse("recovery:bulk_result", args=[run.pk])
        assert woken == [run.pk]
        assert set(run.items.values_list("case_id", flat=True)) == {case.pk for case in cases}
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.after) == ("case.bulk_retry", {"cases": 2})

    def test_sent_twice_it_is_one_run(self, client, merchant, woken):
        cases, key = [retrying(merchant)], uuid.uuid4()

        locations = {start(client, cases, key=key)["Location"] for _ in range(2)}

        assert len(locations) == 1
        assert BulkRun.objects.count() == 1

    def test_another_number_than_confirmed_asks_again(self, client, merchant, woken):
        cases = [retrying(merchant), CaseFactory(merchant=merchant, next_step="new_card")]

        response = start(client, cases)

        assert response.status_code == 422
        assert "The cases changed meanwhile." in text(response)
        assert "Retry 1 of 2 now?" in text(response)
        assert not BulkRun.objects.exists()

    def test_without_a_confirmation_it_only_asks(self, client, merchant, woken):
        response = client.post(START, {"pick": [retrying(merchant).pk]})

        assert "Retry 1 of 1 now?" in text(response)
        assert not BulkRun.objects.exists()


class TestCarryingOut:
    @pytest.fixture
    def done(self, monkeypatch) -> list[int]:
        """Retry without Stripe: every case gets an attempt, "refuse" none."""
        tried: list[int] = []

        def retry_now(*, merchant, case_id, user, now):
            tried.append(case_id)
            if case_id in self.refuse:
                raise NotNow("A charge is under way already.")
            attempt = Attempt.objects.create(
                case_id=case_id, number=1, status="declined", due_at=now, trigger="manual"
            )
            return Started(attempt_id=attempt.pk)

        self.refuse: set[int] = set()
        monkeypatch.setattr(bulk, "retry_now", retry_now)
        monkeypatch.setattr(bulk, "carry_out", lambda *, attempt_id, now: None)
        return tried

    def run(self, run) -> bool:
        return bulk.run_bulk(run_id=run.pk, clock_now=clock.now)

    def a_run(self, merchant, count=3, **values):
        run = BulkRunFactory(merchant=merchant, **values)
        for _ in range(count):
            BulkItem.objects.create(run=run, case=retrying(merchant))
        return run

    def test_each_case_once_with_a_result_of_its_own(self, client, merchant, done):
        run = self.a_run(merchant)
        first = run.items.order_by("id").first()
        self.refuse.add(first.case_id)

        assert self.run(run) is False
        assert self.run(run) is False

        assert len(done) == len(set(done)) == 3
        page = text(client.get(reverse("recovery:bulk_result", args=[run.pk])))
        assert "3 of 3 done" in page
        assert "Not possible A charge is under way already." in page
        assert page.count("Declined") == 2
        assert "Retry the 2 that were declined…" in page

    def test_an_item_another_worker_took_is_left_to_it(self, merchant, done):
        run = self.a_run(merchant, 2)
        taken = run.items.order_by("id").first()
        run.items.filter(pk=taken.pk).update(status="working")

        self.run(run)

        assert taken.case_id not in done

    def test_what_waited_too_long_is_not_done(self, merchant, done):
        run = self.a_run(merchant, good_until=timezone.now() - dt.timedelta(seconds=1))

        self.run(run)

        assert done == []
        assert set(run.items.values_list("status", flat=True)) == {"refused"}

    def test_stopping_many(self, client, merchant):
        run = self.a_run(merchant, 2, verb=BulkRun.Verb.STOP)

        self.run(run)

        for item in run.items.select_related("case"):
            assert item.case.status == "stopped"
        page = text(client.get(reverse("recovery:bulk_result", args=[run.pk])))
        assert page.count("Stopped") == 2

    def test_marking_many_as_lost_is_said_before_and_ticked(self, client, merchant, woken):
        cases = [retrying(merchant), CaseFactory(merchant=merchant, next_step="new_card")]
        picks = {"pick": [case.pk for case in cases]}

        page = text(client.post(reverse("recovery:bulk_lose"), picks))
        assert "Mark 2 of 2 as lost?" in page
        assert "bad debt in Stripe" in page
        assert "Mark them although a try is still planned for 1" in page
        data = picks | {"confirmed": 2, "key": uuid.uuid4()}
        assert "Mark 2 of 2 as lost?" in text(client.post(reverse("recovery:start_lose"), data))
        assert not BulkRun.objects.exists(), "nothing without the tick"
        client.post(reverse("recovery:start_lose"), data | {"despite_warnings": "yes"})
        run = BulkRun.objects.get()
        self.run(run)

        for case in cases:
            case.refresh_from_db()
            assert case.write_off_key is not None
            assert case.status == "open", "until Stripe has taken it"
        page = text(client.get(reverse("recovery:bulk_result", args=[run.pk])))
        assert "Mark 2 cases as lost" in page
        assert page.count("Stripe is told") == 2

    def test_reminding_many_writes_to_each_who_can_be_written_to(self, client, merchant, woken):
        customer = CustomerFactory(merchant=merchant, email="ada@example.org")
        reached = retrying(merchant, stripe_customer_id=customer.stripe_customer_id)
        silent = retrying(merchant)
        data = {"pick": [reached.pk, silent.pk], "confirmed": 2, "key": uuid.uuid4()}

        assert "Send a reminder for 2 of 2 now?" in text(
            client.post(reverse("recovery:bulk_remind"), data)
        )
        for _ in range(2):
            client.post(reverse("recovery:start_remind"), data | {"key": uuid.uuid4()})
        for run in BulkRun.objects.order_by("pk"):
            self.run(run)

        assert [mail.case for mail in Mail.objects.filter(status="scheduled")] == [reached]
        first, second = BulkRun.objects.order_by("pk")
        page = text(client.get(reverse("recovery:bulk_result", args=[first.pk])))
        assert "On its way" in page
        assert "The customer has no email address." in page
        page = text(client.get(reverse("recovery:bulk_result", args=[second.pk])))
        assert "A reminder was asked for today already." in page

    def test_a_run_without_a_worker_is_found_again(self, merchant):
        self.a_run(merchant)
        idle = self.a_run(merchant, moved_at=timezone.now() - dt.timedelta(minutes=2))
        self.a_run(merchant, 0, moved_at=timezone.now() - dt.timedelta(minutes=2))

        assert bulk.idle_runs() == [idle.pk]


def test_a_key_is_one_run_and_a_case_stands_in_it_once(merchant):
    run = BulkRunFactory(merchant=merchant)
    case = retrying(merchant)
    BulkItem.objects.create(run=run, case=case)

    with pytest.raises(IntegrityError), transaction.atomic():
        BulkItem.objects.create(run=run, case=case)
    with pytest.raises(IntegrityError), transaction.atomic():
        BulkRunFactory(merchant=merchant, key=run.key)
