"""An export whose worker is killed with SIGKILL: never half a file called ready."""

import csv
import datetime as dt
import io
import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from apps.exports.models import Export, ExportChunk
from apps.exports.services.running import RUNS, claimable_exports, run_export
from tests.accounts.factories import MembershipFactory
from tests.exports.factories import ExportFactory
from tests.sandbox.server_process import CHECKOUT, until
from tests.transactions.factories import SUNDAY_NOON, TransactionFactory

pytestmark = pytest.mark.processes

ROWS = 6
WORKER = """
import datetime as dt, sys, time, django
django.setup()
from apps.exports.services import running
running.ROWS_PER_CHUNK = 1
keep = running._keep
def keep_and_stop_at_the_third(export, *, number, **piece):
    keep(export, number=number, **piece)
    if number == 3:
        time.sleep(600)
running._keep = keep_and_stop_at_the_third
running.run_export(export_id=sys.argv[1], now=dt.datetime.fromisoformat(sys.argv[2]))
"""


@pytest.fixture
def membership(client, transactional_db):
    membership = MembershipFactory()
    client.force_login(membership.user)
    for number in range(ROWS):
        TransactionFactory(merchant=membership.merchant, amount_minor=number)
    return membership


@pytest.fixture
def export(membership):
    return ExportFactory(merchant=membership.merchant, user=membership.user, rows_expected=ROWS)


def killed_halfway(export: Export) -> None:
    """Run an export in a process of its own and kill it once half of its file is there."""
    url = urlsplit(os.environ["DATABASE_URL"])
    environment = os.environ | {
        "DATABASE_URL": url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    }
    worker = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", WORKER, str(export.pk), SUNDAY_NOON.isoformat()],
        cwd=CHECKOUT,
        env=environment,
    )
    third = ExportChunk.objects.filter(export=export, number=3)
    try:
        until(third.exists, what="half a file", seconds=120)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


def lease_ends(export: Export) -> None:
    past = timezone.now() - dt.timedelta(seconds=1)
    assert claimable_exports(real_now=timezone.now()) == [], "nobody takes it before"
    Export.objects.filter(pk=export.pk).update(lease_until=past)
    assert claimable_exports(real_now=timezone.now()) == [export.pk]


def test_a_killed_export_is_not_given_away_half_and_begins_again(client, export):
    killed_halfway(export)

    export.refresh_from_db()
    assert (export.status, export.rows_done) == ("running", 3)
    refused = client.get(reverse("exports:download", args=[export.pk]))
    assert refused["Location"] == reverse("exports:detail", args=[export.pk])
    lease_ends(export)
    run_export(export_id=export.pk, now=SUNDAY_NOON)

    export.refresh_from_db()
    assert (export.status, export.run, export.rows_done) == ("ready", 2, ROWS)
    answer = client.get(reverse("exports:download", args=[export.pk]))
    body = b"".join(answer.streaming_content)
    assert len(body) == export.size_bytes == int(answer["Content-Length"])
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert len({row["Stripe invoice ID"] for row in rows}) == len(rows) == ROWS


def test_killed_again_and_again_it_fails_with_words_and_can_be_asked_for_again(client, export):
    Export.objects.filter(pk=export.pk).update(run=RUNS - 1)
    killed_halfway(export)
    lease_ends(export)

    run_export(export_id=export.pk, now=SUNDAY_NOON)

    export.refresh_from_db()
    assert (export.status, export.failure) == ("failed", "The export stopped at row 3.")
    assert not ExportChunk.objects.exists()
    page = client.get(reverse("exports:detail", args=[export.pk])).content.decode()
    assert "The export stopped at row 3." in page
    client.post(reverse("exports:retry", args=[export.pk]))
    run_export(export_id=export.pk, now=SUNDAY_NOON)
    export.refresh_from_db()
    assert (export.status, export.rows_done) == ("ready", ROWS)
