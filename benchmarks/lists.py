"""What lists and exports cost a merchant with 100,000 transactions: `make benchmark-lists`.

One process asks the product as a browser would; another merchant with as many rows stands in the
way. Milliseconds are of the whole answer, middleware and template included: as they pass on the
wall, and as this process and its database's work on it, which other work on the machine hardly
changes. The second ones are judged.
"""

import argparse
import gzip
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django
from django.test.utils import (
    CaptureQueriesContext,
    override_settings,
    setup_databases,
    teardown_databases,
)

QUERIES, MILLISECONDS = 8, 150
"""The budget of a list; the 95th percentile has to keep it."""

PAGES = {
    "transactions": (
        "",
        "status=failed",
        "view=attention",
        "status=succeeded",
        "q=rossi.77",
        "q=Amara Okafor",
        "q=nobody at all",
        "q=in_00077777",
        "q=cus_00000777",
        "sort=date",
        "sort=-amount",
        "sort=amount&status=failed",
        "sort=customer",
        "sort=next_try",
        "sort=-next_try",
        "sort=status",
        "sort=-status",
        "reason=insufficient_funds",
        "reason=stolen_card",
        "offer=Yoga Club",
        "method=card&sort=-amount",
        "invoice=open",
        "tries_min=4",
        "next=7",
        "min=100&max=200&currency=eur",
        "from=2026-01-01&to=2026-02-01",
        "from=2025-06-01&offer=Yoga Club&sort=customer",
        "customer=cus_00000777",
    ),
    "subscriptions": (
        "",
        "view=past_due",
        "view=active",
        "q=rossi.77",
        "sort=-started",
        "sort=-amount",
        "sort=next_payment",
        "sort=next_try",
        "sort=customer",
        "sort=status",
        "offer=Yoga Club",
        "access=revoked",
        "next=7",
        "min=100&currency=eur",
    ),
    "recovery": (
        "",
        "view=attention",
        "view=recovered",
        "view=lost",
        "q=rossi.77",
        "sort=-amount",
        "sort=next_try",
        "sort=-amount&view=recovered",
        "reason=insufficient_funds",
        "reason=insufficient_funds&view=lost",
        "min=100&currency=eur",
    ),
}
DEEP = (("transactions", "-date"), ("transactions", "-amount"), ("transactions", "customer"))


def main() -> int:
    """Make the rows, measure and print; 1 where a page is over its budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lists", description=__doc__)
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="lists whose line contains this")
    options = parser.parse_args()
    django.setup()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        return measure(options.transactions, options.rounds, options.only)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(transactions: int, rounds: int, only: str) -> int:
    """Measure the exports first, while nothing else has grown the process."""
    from apps import clock
    from benchmarks.crowd import NOW, crowd

    started = time.perf_counter()
    membership = crowd(transactions)
    say(f"{time.perf_counter() - started:8.1f} s    to make {transactions:,} transactions, twice")
    with (
        patch.object(clock, "now", lambda: NOW),
        patch("celery.Celery.send_task", lambda self, name, **_: None),
        override_settings(ALLOWED_HOSTS=["*"], EXPORT_STREAM_ROWS=5_000),
    ):
        from django.test import Client

        client = Client()
        client.force_login(membership.user)
        if not only:
            measure_exports(client, transactions)
        return measure_lists(client, membership, rounds, only)


def measure_exports(client: Any, transactions: int) -> None:
    """Export everything, once streamed and once in the background, and compare the two files."""
    from apps.exports import services
    from apps.exports.models import Export

    address = "/exports/new/transactions/"
    wish = {"which": "all", "times": "offset", "zone": "America/New_York"}
    before = held_mb()
    with override_settings(EXPORT_STREAM_ROWS=transactions):
        started, first, streamed, checked = time.perf_counter(), 0.0, 0, 0
        response = client.post(address, wish | {"key": uuid.uuid4()})
        for piece in response:
            first = first or time.perf_counter() - started
            streamed += len(piece)
            checked = hash((checked, piece))
        response.close()
    say_export("streamed", transactions, time.perf_counter() - started, streamed, before)
    say(f"{first * 1000:8.0f} ms   to its first byte")

    before = held_mb()
    client.post(address, wish | {"key": uuid.uuid4()})
    export = Export.objects.get()
    started = time.perf_counter()
    services.run_export(export_id=export.pk, now=export.asked_at)
    seconds = time.perf_counter() - started
    export.refresh_from_db()
    say_export("in the background", export.rows_done, seconds, export.size_bytes, before)

    before, started, size = held_mb(), time.perf_counter(), 0
    for piece in client.get(f"/exports/{export.pk}/download/"):
        size += len(piece)
    say_export("downloaded", export.rows_done, time.perf_counter() - started, size, before)
    if not size == streamed == export.size_bytes:
        raise SystemExit("The files differ.")


def measure_lists(client: Any, membership: Any, rounds: int, only: str) -> int:
    """Ask every page in turn, round after round, and print what each cost."""
    addresses = [
        f"/sales/{page}/{'?' if query else ''}{query}"
        for page, queries in PAGES.items()
        for query in queries
    ]
    addresses += [
        f"/sales/{page}/?sort={sort}&cursor={cursor}"
        for page, sort in DEEP
        for cursor in deep_cursors(membership, sort)
    ]
    addresses = [address for address in addresses if only in address]
    walls: dict[str, list[float]] = {address: [] for address in addresses}
    works: dict[str, list[float]] = {address: [] for address in addresses}
    backend = backend_of_this_connection()
    for address in addresses:
        client.get(address)
    for _round in range(rounds):
        for address in addresses:
            worked, started = worked_ms(backend), time.perf_counter()
            client.get(address)
            walls[address].append((time.perf_counter() - started) * 1000)
            works[address].append(worked_ms(backend) - worked)
    say("  wall p50   p95   work p50   p95  SQL  page kB  part kB")
    over = 0
    for address in addresses:
        p50, p95 = middle_and_worst(works[address])
        queries = queries_of(client, address)
        page, part = (size_of(client, address, part) for part in (False, True))
        mark = "  OVER" if p95 > MILLISECONDS or queries > QUERIES else ""
        over += bool(mark)
        shown = address.split("&cursor")[0] + (" (deep)" if "cursor" in address else "")
        wall = "{:10.0f} {:5.0f}".format(*middle_and_worst(walls[address]))
        say(f"{wall} {p50:10.0f} {p95:5.0f} {queries:4} {page:8.1f} {part:8.1f}  {shown}{mark}")
    wall = "{:10.0f} {:5.0f}".format(
        *middle_and_worst([one for each in walls.values() for one in each])
    )
    work = "{:10.0f} {:5.0f}".format(
        *middle_and_worst([one for each in works.values() for one in each])
    )
    say(f"{wall} {work}  all {len(addresses)} pages, {rounds} rounds; {over} over the budget")
    return int(over > 0)


def backend_of_this_connection() -> Path | None:
    """Give where Linux counts the work of our database process; None where it runs elsewhere.

    It works alone here: no helpers, whose work would not be counted.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT pg_backend_pid()")
        path = Path("/proc") / str(cursor.fetchone()[0]) / "schedstat"
    return path if path.exists() else None


def worked_ms(backend: Path | None) -> float:
    """Return how long this process, and the database's for it, were on a processor so far."""
    theirs = int(backend.read_text().split()[0]) / 1_000_000 if backend else 0.0
    return time.process_time() * 1000 + theirs


def middle_and_worst(found: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    return statistics.median(found), statistics.quantiles(found, n=20)[-1]


def deep_cursors(membership: Any, sort: str) -> Iterator[str]:
    """Give the cursor of the page 500 rows before a list's end."""
    from apps.transactions.models import Transaction
    from apps.transactions.queries import SORTS, ordered
    from apps.web import lists

    rows = ordered(Transaction.objects.for_merchant(membership.merchant), sort=sort)
    row = rows[max(rows.count() - 500, 0)]
    yield lists._write(row, SORTS[sort], forward=True)


def queries_of(client: Any, address: str) -> int:
    """Return how many statements a page takes."""
    from django.db import connection

    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)


def size_of(client: Any, address: str, part: bool) -> float:
    """Return the compressed kilobytes of a page, or of its results alone."""
    headers = {"HX-Request": "true", "HX-Target": "results"} if part else {}
    return len(gzip.compress(client.get(address, headers=headers).content)) / 1024


def say_export(how: str, rows: int, seconds: float, size: int, before: float) -> None:
    """Print what a file of so many rows cost."""
    say(
        f"{seconds:8.2f} s    {rows:,} rows {how}: {rows / seconds:,.0f} rows/s, "
        f"{size / 2**20:.1f} MB, peak memory +{peak_mb() - before:.1f} MB"
    )


def held_mb() -> float:
    """Return what this process holds now, in megabytes, and let Linux note its peak afresh."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mb("VmRSS")


def peak_mb() -> float:
    """Return the most memory this process held since `held_mb`, in megabytes."""
    return _status_mb("VmHWM")


def _status_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
