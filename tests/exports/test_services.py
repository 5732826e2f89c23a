import csv
import datetime as dt
import io
import uuid
from typing import Any

import pytest
from celery import Celery
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import AuditEntry, Role
from apps.exports import services, tasks
from apps.exports.models import Export, ExportChunk
from apps.exports.queries import file_pieces, visible_exports
from apps.exports.services import TooManyRunning, Wish, running
from apps.transactions.models import Transaction
from tests.accounts.factories import MembershipFactory
from tests.exports.factories import ExportFactory
from tests.transactions.factories import SUNDAY_NOON, TransactionFactory

pytestmark = pytest.mark.django_db

Status = Export.Status
LATER = SUNDAY_NOON + dt.timedelta(minutes=5)
KEY = uuid.UUID(int=7)


class Killed(BaseException):
    """The worker's process ends here; nothing of ours gets to clean up."""


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(running, "ROWS_PER_CHUNK", 2)


@pytest.fixture
def sent(monkeypatch) -> list[str]:
    """Names of the tasks that were woken."""
    names: list[str] = []
    monkeypatch.setattr(Celery, "send_task", lambda self, name, **_: names.append(name))
    return names


@pytest.fixture
def membership():
    return MembershipFactory()


@pytest.fixture
def merchant(membership):
    return membership.merchant


def a_wish(**changes) -> Wish:
    values: dict[str, Any] = {
        "source": "transactions",
        "query": "status=failed",
        "filters": "Failed",
        "columns": ["invoice", "amount"],
        "zone": "America/New_York",
        "with_offset": True,
        "file_name": "transactions-failed-2026-11-22.csv",
        "rows": 5,
        "link": "https://recoup.example/exports/",
    }
    return Wish(**values | changes)


def ask(membership, *, key=KEY, **changes) -> Export:
    return services.ask_export(
        merchant=membership.merchant,
        user=membership.user,
        key=key,
        wish=a_wish(**changes),
        now=SUNDAY_NOON,
    )


def an_export(merchant, **values) -> Export:
    """A queued export of five rows, in three pieces."""
    for number in range(5):
        TransactionFactory(
            merchant=merchant,
            stripe_id=f"in_{number}",
            at=SUNDAY_NOON - dt.timedelta(hours=number),
        )
    values = {"merchant": merchant, "rows_expected": 5} | values
    return ExportFactory(**values)


def run(export: Export, now=LATER) -> Export:
    services.run_export(export_id=export.pk, now=now)
    export.refresh_from_db()
    return export


def content(export: Export) -> list[dict[str, str]]:
    body = b"".join(file_pieces(export))
    assert len(body) == export.size_bytes
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True))


def invoices(export: Export) -> list[str]:
    return [row["Stripe invoice ID"] for row in content(export)]


class TestAsk:
    def test_it_is_queued_with_what_was_asked_and_a_worker_is_woken(
        self, membership, sent, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            export = ask(membership)

        assert (export.status, export.query, export.rows_expected) == ("queued", "status=failed", 5)
        assert export.link == f"https://recoup.example/exports/{export.pk}/"
        assert export.asked_by == membership.user.email
        assert sent == ["exports.run_all"]
        (entry,) = AuditEntry.objects.filter(merchant=membership.merchant)
        assert (entry.action, entry.subject) == ("export.asked", export.file_name)

    def test_a_second_click_asks_for_nothing_new(
        self, membership, sent, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            assert ask(membership) == ask(membership)

        assert Export.objects.count() == 1
        assert sent == ["exports.run_all"]

    def test_three_run_at_a_time_and_other_merchants_do_not_count(self, membership):
        ExportFactory()
        for number in range(3):
            ask(membership, key=uuid.UUID(int=number))

        with pytest.raises(TooManyRunning):
            ask(membership, key=uuid.UUID(int=9))

        assert ask(MembershipFactory()).status == Status.QUEUED

    def test_a_finished_one_makes_room(self, membership, merchant):
        for _ in range(3):
            ExportFactory(merchant=merchant, failed=True)

        assert ask(membership).status == Status.QUEUED


class TestRun:
    def test_the_file_holds_the_rows_of_the_list_in_its_order(self, merchant):
        export = run(an_export(merchant))

        assert export.status == Status.READY
        assert (export.rows_done, export.run, export.chunks.count()) == (5, 1, 4)
        assert export.finished_at == LATER
        assert export.expires_at == LATER + dt.timedelta(days=7)
        assert invoices(export) == ["in_0", "in_1", "in_2", "in_3", "in_4"]
        assert content(export)[0] == {"Stripe invoice ID": "in_0", "Amount": "149.00"}

    def test_filters_and_sort_are_those_of_the_address(self, merchant):
        TransactionFactory(merchant=merchant, failed=True, stripe_id="in_small", amount_minor=100)
        TransactionFactory(merchant=merchant, failed=True, stripe_id="in_large", amount_minor=900)

        export = run(an_export(merchant, query="sort=-amount&status=failed"))

        assert invoices(export) == ["in_large", "in_small"]

    def test_today_is_the_day_on_which_it_was_asked_for(self, merchant):
        export = an_export(merchant, query="period=today")

        run(export, now=LATER + dt.timedelta(days=3))

        assert len(invoices(export)) == 5

    def test_nothing_of_another_merchant_is_in_it(self, merchant):
        TransactionFactory(stripe_id="in_other")

        assert "in_other" not in invoices(run(an_export(merchant)))

    def test_rows_that_arrive_or_change_meanwhile_do_not_matter(self, merchant, monkeypatch):
        """One statement reads them all, and its result is kept."""
        keep = running._keep

        def and_then(export, *, number, **values):
            keep(export, number=number, **values)
            if number == 1:
                TransactionFactory(merchant=merchant, stripe_id="in_new", at=SUNDAY_NOON)
                Transaction.objects.filter(stripe_id="in_4").update(at=LATER, amount_minor=1)

        monkeypatch.setattr(running, "_keep", and_then)

        export = run(an_export(merchant))

        assert invoices(export) == ["in_0", "in_1", "in_2", "in_3", "in_4"]
        assert content(export)[4]["Amount"] == "149.00"

    def test_only_one_worker_runs_it(self, merchant, monkeypatch):
        export = an_export(merchant)
        keep = running._keep

        def meanwhile_another(mine, **values):
            services.run_export(export_id=export.pk, now=LATER)
            keep(mine, **values)

        monkeypatch.setattr(running, "_keep", meanwhile_another)

        assert run(export).run == 1

    def test_an_empty_list_is_a_file_with_a_head(self, merchant):
        export = run(ExportFactory(merchant=merchant))

        assert export.status == Status.READY
        assert b"".join(file_pieces(export)).decode("utf-8-sig") == "Stripe invoice ID,Amount\r\n"


def die_after(monkeypatch, piece: int, error: type[BaseException] = Killed) -> None:
    keep = running._keep

    def dying(export, *, number, **values):
        if number > piece:
            raise error
        keep(export, number=number, **values)

    monkeypatch.setattr(running, "_keep", dying)


def lease_ends(export: Export) -> None:
    Export.objects.filter(pk=export.pk).update(lease_until=timezone.now() - dt.timedelta(1))


class TestInterrupted:
    def test_a_killed_worker_leaves_no_file_and_the_next_begins_again(self, merchant, monkeypatch):
        export = an_export(merchant)
        with monkeypatch.context() as patch:
            die_after(patch, 2)
            with pytest.raises(Killed):
                run(export)
        export.refresh_from_db()
        assert (export.status, export.rows_done, export.chunks.count()) == ("running", 4, 3)
        assert services.claimable_exports(real_now=timezone.now()) == []

        lease_ends(export)
        assert services.claimable_exports(real_now=timezone.now()) == [export.pk]
        run(export)

        assert (export.status, export.run, export.chunks.count()) == ("ready", 2, 4)
        assert invoices(export) == ["in_0", "in_1", "in_2", "in_3", "in_4"]

    def test_after_three_runs_it_has_failed_and_says_where(self, merchant, monkeypatch):
        export = an_export(merchant)
        die_after(monkeypatch, 1)
        for _ in range(3):
            with pytest.raises(Killed):
                run(export)
            lease_ends(export)

        run(export)

        assert export.status == Status.FAILED
        assert export.failure == "The export stopped at row 2."
        assert export.chunks.count() == 0

    def test_an_error_is_tried_again_and_then_told(self, merchant, monkeypatch):
        export = an_export(merchant)
        die_after(monkeypatch, 1, ConnectionError)

        assert run(export).status == Status.QUEUED
        assert run(export).status == Status.QUEUED
        assert run(export).status == Status.FAILED
        assert export.failure == "The export stopped at row 2."
        assert export.chunks.count() == 0

    def test_a_run_that_was_overtaken_writes_nothing_more(self, merchant, monkeypatch):
        """A worker stood still past its lease; it wakes up while, or after, another runs."""
        export = an_export(merchant)
        keep, overtaken = running._keep, list[bool]()

        def slow(mine, *, number, **values):
            if number == 2 and not overtaken:
                overtaken.append(True)
                lease_ends(export)
                services.run_export(export_id=export.pk, now=LATER)
            keep(mine, number=number, **values)

        monkeypatch.setattr(running, "_keep", slow)

        run(export)

        assert (export.status, export.run) == ("ready", 2)
        assert invoices(export) == ["in_0", "in_1", "in_2", "in_3", "in_4"]


class TestCancel:
    def test_the_worker_stops_at_the_next_piece(self, membership, merchant, monkeypatch):
        export = an_export(merchant)
        keep = running._keep

        def canceled_meanwhile(mine, *, number, **values):
            if number == 2:
                services.cancel_export(export=export, user=membership.user, now=LATER)
            keep(mine, number=number, **values)

        monkeypatch.setattr(running, "_keep", canceled_meanwhile)

        run(export)

        assert export.status == Status.CANCELED
        assert export.rows_done == 2
        assert export.chunks.count() == 0
        assert not mail.outbox

    def test_what_is_finished_stays(self, membership, merchant):
        export = run(an_export(merchant))

        assert not services.cancel_export(export=export, user=membership.user, now=LATER)

        assert run(export).status == Status.READY

    def test_a_deleted_one_is_gone_for_its_worker_too(self, membership, merchant, monkeypatch):
        export = an_export(merchant)
        keep = running._keep

        def deleted_meanwhile(mine, *, number, **values):
            if number == 2:
                services.delete_export(export=export, user=membership.user, now=LATER)
            keep(mine, number=number, **values)

        monkeypatch.setattr(running, "_keep", deleted_meanwhile)

        services.run_export(export_id=export.pk, now=LATER)

        assert not Export.objects.exists()
        assert not ExportChunk.objects.exists()


class TestRetry:
    def test_a_failed_one_is_queued_again(self, membership, merchant):
        export = an_export(merchant, failed=True, rows_done=3)

        assert services.retry_export(export=export, user=membership.user, now=LATER)

        assert run(export).status == Status.READY
        assert len(invoices(export)) == 5

    def test_a_ready_one_is_not(self, membership, merchant):
        export = run(an_export(merchant))

        assert not services.retry_export(export=export, user=membership.user, now=LATER)


class TestMail:
    def test_whoever_asked_gets_one_mail_with_a_link_and_nothing_of_the_file(self, membership):
        export = an_export(
            membership.merchant, user=membership.user, link="https://recoup.example/exports/x/"
        )

        tasks.run_all()
        tasks.run_all()
        tasks.tidy()

        (letter,) = mail.outbox
        assert letter.to == [membership.user.email]
        assert letter.subject == "Your export is ready: transactions-2026-11-22.csv"
        assert "https://recoup.example/exports/x/" in letter.body
        assert "5 rows" in letter.body
        assert "in_0" not in letter.body
        assert not letter.attachments
        assert export.pk

    def test_a_mail_that_could_not_be_sent_is_sent_later_once(self, membership, monkeypatch):
        export = run(an_export(membership.merchant, user=membership.user))
        with monkeypatch.context() as patch:
            patch.setattr("apps.exports.services.mailing.send_mail", refuse)
            assert not services.mail_export(export_id=export.pk, now=LATER)
        assert services.unmailed_exports(now=LATER) == [export.pk]

        assert services.mail_export(export_id=export.pk, now=LATER)
        assert not services.mail_export(export_id=export.pk, now=LATER)

        assert len(mail.outbox) == 1

    def test_a_failed_one_is_told_as_well(self, membership):
        export = ExportFactory(merchant=membership.merchant, user=membership.user, failed=True)

        services.mail_export(export_id=export.pk, now=LATER)

        assert "The export stopped at row 3,200. There is no file." in mail.outbox[0].body

    def test_somebody_who_left_the_merchant_is_told_nothing(self, membership):
        export = run(an_export(membership.merchant, user=membership.user))
        membership.delete()

        assert not services.mail_export(export_id=export.pk, now=LATER)

        assert not mail.outbox


class TestExpire:
    def test_a_file_goes_after_seven_days_and_its_row_after_thirty(self, merchant):
        export = run(an_export(merchant))
        almost = LATER + dt.timedelta(days=7, seconds=-1)

        assert services.expire_exports(now=almost) == 0
        assert services.expire_exports(now=almost + dt.timedelta(seconds=1)) == 1
        export.refresh_from_db()
        assert export.status == Status.EXPIRED
        assert not ExportChunk.objects.exists()

        services.expire_exports(now=LATER + dt.timedelta(days=30))
        assert not Export.objects.exists()

    def test_a_download_under_way_ends_short_instead_of_looking_whole(self, membership, merchant):
        export = run(an_export(merchant))
        pieces = file_pieces(export)
        next(pieces)

        stored = Export.objects.get(pk=export.pk)
        services.delete_export(export=stored, user=membership.user, now=LATER)

        with pytest.raises(ExportChunk.DoesNotExist):
            next(pieces)


def test_people_see_their_own_and_admins_all_of_their_merchant(membership):
    merchant, somebody = membership.merchant, MembershipFactory(merchant=membership.merchant)
    mine = ExportFactory(merchant=merchant, user=membership.user)
    theirs = ExportFactory(merchant=merchant, user=somebody.user)
    ExportFactory(user=membership.user)

    def seen(role):
        return set(visible_exports(merchant=merchant, user=membership.user, role=role))

    assert seen(Role.VIEWER) == seen(Role.SUPPORT) == {mine}
    assert seen(Role.ADMIN) == seen(Role.OWNER) == {mine, theirs}


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("export_finished_at_iff_finished", {"status": Status.CANCELED}),
        ("export_finished_at_iff_finished", {"finished_at": SUNDAY_NOON}),
        ("export_ready_expires", {"status": Status.READY, "finished_at": SUNDAY_NOON}),
        ("export_failed_iff_failure", {"failure": "It stopped."}),
        ("export_failed_iff_failure", {"status": Status.FAILED, "finished_at": SUNDAY_NOON}),
        ("export_running_has_lease", {"status": Status.RUNNING}),
    ],
)
def test_the_database_refuses_nonsense(constraint, values):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ExportFactory(**values)


def test_a_key_and_a_piece_are_used_once(merchant):
    export = ExportFactory(merchant=merchant)
    ExportChunk.objects.create(export=export, number=0, body=b"")

    with pytest.raises(IntegrityError, match="export_unique_key"), transaction.atomic():
        ExportFactory(merchant=merchant, key=export.key)
    with pytest.raises(IntegrityError, match="export_chunk_unique"), transaction.atomic():
        ExportChunk.objects.create(export=export, number=0, body=b"")


def refuse(*args, **kwargs):
    raise OSError("no mail server")
