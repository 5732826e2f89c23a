import csv
import datetime as dt
import io
import re
import uuid

import pytest
from django.http import StreamingHttpResponse
from django.test import override_settings
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.exports import services
from apps.exports.files import SOURCES
from apps.exports.models import Export
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.web.services import keep_columns
from tests.accounts.factories import MembershipFactory
from tests.exports.factories import ExportFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import SUNDAY_NOON, TransactionFactory

pytestmark = pytest.mark.django_db

EXPORTS = reverse("exports:list")
TRANSACTIONS = reverse("transactions:list")
NEW = reverse("exports:new", args=["transactions"])
IN_DIALOG = {"HX-Request": "true", "HX-Target": "export-ask"}
IN_PANEL = {"HX-Request": "true", "HX-Target": "export"}
CHOICE = {"which": "all", "times": "offset", "zone": "America/New_York"}


@pytest.fixture(autouse=True)
def _sunday_noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: SUNDAY_NOON)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr("celery.Celery.send_task", lambda self, name, **_: None)


@pytest.fixture
def membership(client):
    """The owner of a merchant in New York, signed in."""
    membership = MembershipFactory(merchant__name="Willow Studio")
    client.force_login(membership.user)
    return membership


@pytest.fixture
def merchant(membership):
    return membership.merchant


def text(response) -> str:
    """The page as it is read: tags gone, spaces single."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def post(client, address=NEW, **changes):
    return client.post(address, {"key": uuid.uuid4()} | CHOICE | changes)


def export(client, address=NEW, **changes) -> list[dict[str, str]]:
    body = b"".join(post(client, address, **changes)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(body, newline=""), strict=True))


class TestFilterFailedApplyExport:
    """As a Kajabi user knows it: the file holds the rows of the list, in its order."""

    def test_from_the_list_to_the_file(self, client, merchant):
        retrying = TransactionFactory(merchant=merchant, retrying=True)
        TransactionFactory(merchant=merchant)
        older = TransactionFactory(
            merchant=merchant, failed=True, at=SUNDAY_NOON - dt.timedelta(days=2)
        )
        page = client.get(f"{TRANSACTIONS}?status=failed").content.decode()
        (link,) = re.findall(r'id="export"[^>]*href="([^"]+)"', page)

        asked = client.get(link)
        (action,) = re.findall(r'action="([^"]+)"\s+class="export-form"', asked.content.decode())
        response = post(client, action)

        assert "2 rows , filters: Failed" in text(asked)
        assert isinstance(response, StreamingHttpResponse)
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert 'filename="transactions-failed-2026-11-22.csv"' in response["Content-Disposition"]
        assert "no-store" in response["Cache-Control"]
        body = b"".join(response)
        assert body.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        assert [row["Stripe invoice ID"] for row in rows] == [
            retrying.stripe_invoice_id,
            older.stripe_invoice_id,
        ]
        assert not Export.objects.exists()
        (entry,) = AuditEntry.objects.filter(merchant=merchant)
        assert entry.action == "export.streamed"
        assert entry.after == {"rows": 2, "filters": "Failed"}

    def test_too_many_in_one_minute_are_refused_with_words(self, client, merchant, monkeypatch):
        TransactionFactory(merchant=merchant)
        monkeypatch.setattr("apps.exports.views.STREAMS_A_MINUTE", 2)
        monkeypatch.setattr("apps.web.limits.time.time", lambda: 1_800_000_000.0)

        answers = [post(client) for _ in range(3)]

        assert [one.status_code for one in answers] == [200, 200, 429]
        assert answers[2]["Retry-After"] == "60"
        assert "Wait a minute, then try again." in text(answers[2])
        assert AuditEntry.objects.filter(action="export.streamed").count() == 2

    @pytest.mark.parametrize("sort", ["-date", "date", "-amount", "amount", "customer", "next_try"])
    def test_every_order_of_the_list_is_the_order_of_the_file(self, client, merchant, sort):
        for number in range(30):
            TransactionFactory(
                merchant=merchant,
                amount_minor=number % 7,
                currency=("usd", "jpy")[number % 2],
                customer_name=f"Name {number % 5}",
                at=SUNDAY_NOON - dt.timedelta(hours=number % 4),
                next_try_at=SUNDAY_NOON + dt.timedelta(hours=number) if number % 3 else None,
            )
        page = client.get(f"{TRANSACTIONS}?rows=50&sort={sort}")

        rows = export(client, f"{NEW}?rows=50&sort={sort}")

        shown = [row.stripe_invoice_id for row in page.context["page"].rows]
        assert [row["Stripe invoice ID"] for row in rows] == shown

    def test_the_whole_list_is_in_it_not_one_page(self, client, merchant):
        for _ in range(60):
            TransactionFactory(merchant=merchant)

        assert len(export(client)) == 60

    def test_few_queries_however_many_rows(self, client, merchant, django_assert_max_num_queries):
        for _ in range(60):
            TransactionFactory(merchant=merchant)

        # Session, user, membership, choices, count, preferences (4 with the savepoint), audit, rows.
        with django_assert_max_num_queries(11):
            b"".join(post(client))

    def test_it_is_sent_while_it_is_read(self, client, merchant, monkeypatch):
        """A reader that stops takes no more memory than one piece."""
        monkeypatch.setattr(services.running, "ROWS_PER_CHUNK", 2)
        for _ in range(8):
            TransactionFactory(merchant=merchant)

        response = post(client)
        pieces = iter(response)

        assert next(pieces).count(b"\r\n") == 1, "the head alone"
        assert next(pieces).count(b"\r\n") == 2
        response.close()


class TestContent:
    def test_a_line_tells_amounts_codes_tries_and_times_with_their_offset(self, client, merchant):
        SubscriptionFactory(merchant=merchant, stripe_subscription_id="sub_1", past_due=True)
        case = CaseFactory(
            merchant=merchant,
            status=RecoveryCase.Status.RECOVERED,
            end_reason="paid",
            closed_at=SUNDAY_NOON,
        )
        CaseEvent.objects.create(
            case=case,
            merchant=merchant,
            kind=CaseEvent.Kind.RECOVERED,
            key="recovered:1",
            at=SUNDAY_NOON,
            text="Recovered after 6 days, retry 2.",
        )
        TransactionFactory(
            merchant=merchant,
            retrying=True,
            amount_minor=9800,
            currency="jpy",
            case_id=case.pk,
            recovered_at=SUNDAY_NOON,
            stripe_subscription_id="sub_1",
            stripe_goes_on="Stripe will not try again: tries used up",
        )

        (row,) = export(client)

        expected = {
            "Amount": "9800",
            "Amount (smallest unit)": "9800",
            "Currency": "JPY",
            "Status": "Retrying",
            "Status code": "retrying",
            "Decline reason": "Insufficient funds",
            "Decline code": "insufficient_funds",
            "Failure code": "card_declined",
            "Tries": "5",
            "Date": "2026-11-22T12:00:00-05:00",
            "Next try": "2026-11-25T12:00:00-05:00",
            "Next try by": "recoup",
            "Stripe goes on": "Stripe will not try again: tries used up",
            "Recovered": "2026-11-22T12:00:00-05:00",
            "Recovered by": "Recovered after 6 days, retry 2.",
            "Access": "revoked",
            "Invoice status": "open",
            "Stripe subscription ID": "sub_1",
        }
        assert expected.items() <= row.items()

    def test_a_name_that_is_a_formula_is_disarmed(self, client, merchant):
        TransactionFactory(merchant=merchant, customer_name='=HYPERLINK("http://x";"y")')

        assert export(client)[0]["Customer name"] == '\'=HYPERLINK("http://x";"y")'

    def test_times_for_spreadsheets_name_their_zone_in_the_head(self, client, merchant):
        TransactionFactory(merchant=merchant)

        (row,) = export(client, times="plain")

        assert row["Date (New York)"] == "2026-11-22 12:00:00"

    def test_subscriptions(self, client, merchant):
        SubscriptionFactory(merchant=merchant, past_due=True)
        SubscriptionFactory(merchant=merchant)
        address = reverse("exports:new", args=["subscriptions"])

        response = post(client, f"{address}?view=past_due")

        body = b"".join(response).decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(body, newline=""))
        expected = {
            "Status": "Past due",
            "Amount due": "149.00",
            "Amount due (smallest unit)": "14900",
            "Access": "Revoked",
            "Next try": "2026-11-25T12:00:00-05:00",
        }
        assert expected.items() <= row.items()
        assert "subscriptions-past-due-2026-11-22.csv" in response["Content-Disposition"]

    @pytest.mark.parametrize(
        ("case", "status"),
        [
            ({"next_step": "retry", "next_try_at": SUNDAY_NOON}, "Retrying"),
            ({"next_step": "new_card"}, "Needs a new card"),
            # Stripe keeps its schedule, but charges nothing until the card changes.
            (
                {
                    "next_step": "stripe",
                    "engine": "stripe",
                    "next_try_at": SUNDAY_NOON,
                    "last_decline_code": "stolen_card",
                },
                "Needs a new card",
            ),
            ({"next_step": "stripe", "engine": "stripe"}, "Failed"),
        ],
    )
    def test_a_case_says_retrying_only_where_a_charge_will_run(
        self, client, merchant, case, status
    ):
        CaseFactory(merchant=merchant, **case)

        (row,) = export(client, reverse("exports:new", args=["recovery"]))

        assert (row["Status"], row["Case"]) == (status, "Open")

    def test_a_case_in_flight_is_being_charged(self, client, merchant):
        case = CaseFactory(merchant=merchant, next_step="retry")
        Attempt.objects.create(case=case, number=1, status="running", due_at=SUNDAY_NOON)

        (row,) = export(client, reverse("exports:new", args=["recovery"]))

        assert row["Status"] == "Charging…"

    @pytest.mark.parametrize("key", SOURCES)
    def test_every_column_of_every_file_is_named_once(self, key):
        columns = SOURCES[key].columns

        assert len({column.key for column in columns}) == len(columns)
        assert len({str(column.label) for column in columns}) == len(columns)

    @pytest.mark.parametrize("key", SOURCES)
    def test_every_column_of_a_list_is_in_its_file(self, key):
        source = SOURCES[key]
        shown = {column.shows for column in source.columns}

        assert shown - {""} <= {column.key for column in source.page.columns}
        assert {column.key for column in source.page.usual} <= shown


class TestDialog:
    def test_htmx_gets_the_dialog_alone(self, client, merchant):
        response = client.get(NEW, headers=IN_DIALOG)

        assert b"<html" not in response.content
        assert b'commandfor="export-dialog"' in response.content
        assert "0 rows , filters: All" in text(response)

    def test_filters_are_told_in_words(self, client, merchant):
        address = f"{NEW}?status=failed&status=recovered&from=2026-11-01&to=2026-11-18&q=sofia"

        page = text(client.get(address))

        assert (
            "filters: Failed, Recovered, Nov 1 \N{EN DASH} Nov 18, \N{LEFT DOUBLE QUOTATION MARK}sofia"
            in page
        )

    def test_a_list_that_cannot_be_exported_is_not_there(self, client, merchant):
        assert client.get(reverse("exports:new", args=["secrets"])).status_code == 404

    def test_chosen_columns_are_in_the_file_and_remembered(self, client, membership):
        TransactionFactory(merchant=membership.merchant)

        (row,) = export(
            client, which="chosen", columns=["currency", "amount"], times="plain", zone="UTC"
        )
        form = client.get(NEW).context["form"]

        assert list(row) == ["Amount", "Currency"]
        assert form["which"].value() == "chosen"
        assert form["columns"].value() == ["currency", "amount"]
        assert (form["times"].value(), form["zone"].value()) == ("plain", "UTC")
        other = client.get(reverse("exports:new", args=["recovery"])).context["form"]
        assert other["which"].value() == "all"

    def test_the_columns_somebody_sees_come_in_their_order(self, client, membership):
        TransactionFactory(merchant=membership.merchant)
        keep_columns(membership=membership, page="transactions", keys=["date", "offer"])

        (row,) = export(client, which="listed")

        assert list(row) == ["Amount", "Currency", "Date", "Offer"]

    def test_no_column_is_refused(self, client, merchant):
        response = post(client, which="chosen")

        assert response.status_code == 422
        assert "Choose at least one column." in text(response)

    def test_another_persons_choice_is_their_own(self, client, membership):
        export(client, which="listed")
        client.force_login(MembershipFactory(merchant=membership.merchant).user)

        assert client.get(NEW).context["form"]["which"].value() == "all"


@pytest.fixture
def two_at_once(settings):
    settings.EXPORT_STREAM_ROWS = 2


@pytest.mark.usefixtures("two_at_once")
class TestLong:
    @pytest.fixture(autouse=True)
    def _three_rows(self, merchant):
        for number in range(3):
            TransactionFactory(merchant=merchant, failed=True, stripe_id=f"in_{number}")

    def test_a_long_list_becomes_a_job_that_ends_in_the_same_file(self, client, membership):
        response = post(client, f"{NEW}?status=failed")
        job = Export.objects.get()
        assert response["Location"] == reverse("exports:detail", args=[job.pk])
        assert job.link == f"http://testserver{response['Location']}"
        assert (job.rows_expected, job.filters, job.query) == (3, "Failed", "status=failed")

        services.run_export(export_id=job.pk, now=SUNDAY_NOON)
        download = client.get(reverse("exports:download", args=[job.pk]))

        body = b"".join(download)
        assert len(body) == int(download["Content-Length"])
        assert "no-store" in download["Cache-Control"]
        assert "transactions-failed-2026-11-22.csv" in download["Content-Disposition"]
        assert body == self.streamed(client)
        actions = AuditEntry.objects.filter(merchant=membership.merchant).values_list("action")
        assert ("export.downloaded",) in actions

    def streamed(self, client) -> bytes:
        with override_settings(EXPORT_STREAM_ROWS=5):
            return b"".join(post(client, f"{NEW}?status=failed"))

    def test_a_double_click_makes_one_job(self, client):
        key = uuid.uuid4()

        first, second = post(client, key=key), post(client, key=key)

        assert first["Location"] == second["Location"]
        assert Export.objects.count() == 1

    def test_the_fourth_has_to_wait(self, client, merchant):
        for _ in range(3):
            ExportFactory(merchant=merchant)

        response = post(client)

        assert response.status_code == 422
        assert "Wait for one of the 3 running exports." in text(response)

    def test_the_dialog_tells_that_it_takes_a_while(self, client):
        page = text(client.get(NEW, headers=IN_DIALOG))

        assert "You can leave the page; we'll email you a link." in page

    def test_an_amount_in_the_only_currency_stays_that_filter_when_another_comes(
        self, client, merchant
    ):
        """What the address leaves open must not be read otherwise by the worker."""
        TransactionFactory(merchant=merchant, failed=True, amount_minor=100)
        post(client, f"{NEW}?min=149")
        job = Export.objects.get()
        TransactionFactory(merchant=merchant, currency="eur")

        services.run_export(export_id=job.pk, now=SUNDAY_NOON)

        job.refresh_from_db()
        assert job.rows_done == 3


class TestPage:
    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({}, "Queued 0 of 12,480 rows You can leave this page. We'll email you."),
            ({"running": True, "rows_done": 3200}, "Running 3,200 of 12,480 rows"),
            ({"ready": True, "rows_done": 12480}, "Ready 12,480 rows, ready to download."),
            (
                {"failed": True},
                "Failed The export stopped at row 3,200. There is no file. Try again.",
            ),
            (
                {"status": "canceled", "finished_at": SUNDAY_NOON},
                "Canceled Canceled. There is no file.",
            ),
            (
                {"ready": True, "status": "expired"},
                "Expired The file was kept for 7 days and is gone.",
            ),
        ],
    )
    def test_it_says_how_the_export_stands(self, client, membership, values, words):
        job = ExportFactory(merchant=membership.merchant, rows_expected=12480, **values)

        page = client.get(reverse("exports:detail", args=[job.pk]))
        listed = client.get(EXPORTS)

        assert words in text(page)
        assert words.split()[0] in text(listed)
        assert (b"hx-trigger" in page.content) == job.is_unfinished

    def test_it_asks_every_2_seconds_then_every_5_and_stops(self, client, membership):
        job = ExportFactory(merchant=membership.merchant, running=True, rows_expected=100)
        address = reverse("exports:detail", args=[job.pk])

        def part(poll):
            return client.get(f"{address}?poll={poll}", headers=IN_PANEL).content.decode()

        assert "<html" not in part(1)
        assert f'hx-get="{address}?poll=2&amp;said=0"' in part(1)
        assert 'hx-trigger="every 2s"' in part(9)
        assert 'hx-trigger="every 5s"' in part(10)
        Export.objects.update(
            status="ready", finished_at=SUNDAY_NOON, expires_at=SUNDAY_NOON, lease_until=None
        )
        assert "hx-trigger" not in part(11)

    def test_progress_is_told_aloud_at_the_start_each_quarter_and_the_end(self, client, membership):
        job = ExportFactory(merchant=membership.merchant, running=True, rows_expected=100)
        address = reverse("exports:detail", args=[job.pk])

        def tells(done, said):
            Export.objects.update(rows_done=done)
            page = client.get(f"{address}?poll=3&said={said}", headers=IN_PANEL)
            return b"data-say" in page.content

        assert b"data-say" in client.get(address).content
        assert not tells(24, 0)
        assert tells(25, 0)
        assert not tells(49, 1)
        Export.objects.update(
            status="ready", finished_at=SUNDAY_NOON, expires_at=SUNDAY_NOON, lease_until=None
        )
        assert tells(100, 3)

    def test_cancel_retry_and_delete(self, client, membership):
        job = ExportFactory(merchant=membership.merchant)

        client.post(reverse("exports:cancel", args=[job.pk]))
        job.refresh_from_db()
        assert job.status == Export.Status.CANCELED

        client.post(reverse("exports:retry", args=[job.pk]))
        job.refresh_from_db()
        assert job.status == Export.Status.QUEUED

        client.post(reverse("exports:delete", args=[job.pk]))
        assert not Export.objects.exists()
        actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
        assert list(actions) == ["export.canceled", "export.retried", "export.deleted"]

    def test_what_is_not_ready_is_no_download(self, client, membership):
        job = ExportFactory(merchant=membership.merchant, running=True)

        response = client.get(reverse("exports:download", args=[job.pk]))

        assert response.status_code == 302
        assert response["Location"] == reverse("exports:detail", args=[job.pk])

    @pytest.mark.parametrize("name", ["detail", "download"])
    def test_a_colleagues_export_is_not_there_for_a_viewer(self, client, name):
        viewer = MembershipFactory(role=Role.VIEWER)
        job = ExportFactory(merchant=viewer.merchant, ready=True)
        client.force_login(viewer.user)

        assert client.get(reverse(f"exports:{name}", args=[job.pk])).status_code == 404
        assert "No exports yet" in text(client.get(EXPORTS))

    def test_few_queries(self, client, merchant, django_assert_max_num_queries):
        for _ in range(20):
            ExportFactory(merchant=merchant, ready=True)

        with django_assert_max_num_queries(8):
            client.get(EXPORTS)
