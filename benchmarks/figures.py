"""What home and the figures cost a merchant with 1,000,000 transactions: `make benchmark-figures`.

Rows are made by the database itself, day by day at one pace, so that a longer history is only
longer. Measured are the pages as a browser asks for them (see `benchmarks.lists` for the two
kinds of milliseconds), and what one more event costs: its mark, and the day counted anew, after
10,000 transactions and after all of them.
"""

import argparse
import datetime as dt
import statistics
import sys
import time
from typing import Any
from unittest.mock import patch

import django
from django.test.utils import override_settings, setup_databases, teardown_databases

from benchmarks.lists import (
    backend_of_this_connection,
    middle_and_worst,
    queries_of,
    say,
    size_of,
    worked_ms,
)

QUERIES, P50, P95, KILOBYTES = 8, 40, 100, 30
"""The budget of a page: statements, milliseconds of work, compressed HTML."""

FLAT = 1.5
"""A day may cost so much more after the long history: noise, and deeper indexes."""

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
PACE = 1_850
"""Transactions a day."""
EVENTS = 15
SHORT = 10_000
"""Transactions of the merchant with a short history."""

PAGES = (
    "/",
    "/analytics/",
    "/analytics/?period=30",
    "/analytics/?period=365",
    "/analytics/?period=365&currency=eur&offer=Offer 3",
    "/analytics/weekly/",
    "/alerts/",
)

CUSTOMERS = (
    "generate_series(0, %(people)s - 1) AS n",
    {
        "stripe_customer_id": "'cus_' || n",
        "name": "'Customer ' || n",
        "email": "'customer.' || n || '@example.org'",
        "country": "(ARRAY['US', 'DE', 'BR', 'JP'])[1 + n %% 4]",
        "read_at": "%(now)s",
    },
)
"""What a table is filled from, and what goes into its columns; the rest gets its default."""

TRANSACTIONS = (
    """(SELECT n, n %% %(people)s AS who, n %% 13 = 0 AS has_failed,
              %(now)s::timestamptz - make_interval(secs => n * 86400.0 / %(pace)s) AS day
        FROM generate_series(0, %(transactions)s - 1) AS n) AS numbered""",
    {
        "stripe_id": "'in_' || n",
        "stripe_invoice_id": "'in_' || n",
        "stripe_charge_id": "'ch_' || n",
        "stripe_payment_intent_id": "'pi_' || n",
        "stripe_subscription_id": "'sub_' || who",
        "stripe_customer_id": "'cus_' || who",
        "number": "'F-' || n",
        "customer_name": "'Customer ' || who",
        "customer_email": "'customer.' || who || '@example.org'",
        "offer_name": "'Offer ' || n %% 12",
        "amount_minor": "4900 + 1000 * (n %% 7)",
        "amount_remaining_minor": "0",
        "currency": "CASE WHEN n %% 10 = 0 THEN 'eur' ELSE 'usd' END",
        "status": "CASE WHEN has_failed THEN 'recovered' ELSE 'succeeded' END",
        "invoice_status": "'paid'",
        "billing_reason": "'subscription_cycle'",
        "at": "day",
        "paid_at": "day",
        "first_failed_at": "CASE WHEN has_failed THEN day END",
        "tries": "CASE WHEN has_failed THEN 3 ELSE 1 END",
        "method_type": "'card'",
        "method_brand": "'visa'",
        "read_at": "day",
    },
)

CASES = (
    """(SELECT t.*, CASE WHEN at > %(now)s::timestamptz - interval '8 days' THEN 'open'
              WHEN place %% 10 < 7 THEN 'recovered' ELSE 'lost' END AS outcome
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM transactions_transaction
              WHERE merchant_id = %(merchant)s AND first_failed_at IS NOT NULL) AS t) AS failed""",
    {
        "stripe_invoice_id": "stripe_invoice_id",
        "stripe_subscription_id": "stripe_subscription_id",
        "stripe_customer_id": "stripe_customer_id",
        "offer_name": "offer_name",
        "kind": "'subscription'",
        "amount_due_minor": "amount_minor",
        "currency": "currency",
        "status": "outcome",
        "end_reason": "CASE outcome WHEN 'recovered' THEN 'paid' WHEN 'lost' THEN 'tries_used_up'"
        " ELSE '' END",
        "failed_at": "at",
        "opened_at": "at",
        "closed_at": "CASE WHEN outcome <> 'open' THEN at + interval '5 days' END",
        "recovered_minor": "CASE outcome WHEN 'recovered' THEN amount_minor ELSE 0 END",
        "engine": "'recoup'",
        "rules": "%(rules)s::jsonb",
        "takeover": "'confirmed'",
        "next_step": "CASE WHEN outcome <> 'open' THEN 'nothing' WHEN place %% 3 = 0"
        " THEN 'new_card' ELSE 'retry' END",
        "next_try_at": "CASE WHEN outcome = 'open' AND place %% 3 > 0 THEN"
        " %(now)s::timestamptz + make_interval(hours => (place %% 300)::int) END",
        "last_decline_code": "'insufficient_funds'",
        "last_failure_code": "'card_declined'",
        "last_decline_words": "'Insufficient funds'",
    },
)

TRIES = (
    """(SELECT *, failed_at + make_interval(days => 2 * place) AS moment
        FROM recovery_recoverycase, generate_series(0, 2) AS place
        WHERE merchant_id = %(merchant)s) AS tried WHERE moment <= %(now)s""",
    {
        "stripe_charge_id": "'ch_' || stripe_invoice_id || '_' || place",
        "stripe_invoice_id": "stripe_invoice_id",
        "stripe_customer_id": "stripe_customer_id",
        "at": "moment",
        "status": "CASE WHEN place = 2 AND status = 'recovered' THEN 'succeeded' ELSE 'failed' END",
        "amount_minor": "amount_due_minor",
        "amount_due_minor": "amount_due_minor",
        "amount_remaining_minor": "amount_due_minor",
        "currency": "currency",
        "method_type": "'card'",
        "method_brand": "(ARRAY['visa', 'mastercard', 'amex'])[1 + id %% 3]",
        "failure_code": "'card_declined'",
        "decline_code": "(ARRAY['insufficient_funds', 'do_not_honor', 'expired_card'])[1 + id %% 3]",
    },
)


def main() -> int:
    """Make the rows, measure and print; 1 where a page is over its budget or a day is not flat."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    django.setup()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        return measure(options.transactions, options.rounds)
    finally:
        teardown_databases(databases, verbosity=0)


def measure(transactions: int, rounds: int) -> int:
    """Measure one more event after a short history, then after all of it, and then the pages."""
    from apps import clock

    with (
        patch.object(clock, "now", lambda: NOW),
        patch("celery.Celery.send_task", lambda self, name, **_: None),
        override_settings(ALLOWED_HOSTS=["*"]),
    ):
        young = made(SHORT, "Young")
        short = event_cost(young.merchant)
        old = made(transactions, "Old")
        long = event_cost(old.merchant)
        say(f"  one more event: {short:.1f} ms after {SHORT:,} transactions")
        say(f"                  {long:.1f} ms after {transactions:,}: {long / short:.2f} times")
        return max(measure_pages(old, rounds), int(long > FLAT * short))


def made(transactions: int, name: str) -> Any:
    """Make a merchant with so many transactions and count all its days."""
    import json

    from django.db import connection

    from apps.accounts.models import Membership, Merchant, Role, User
    from apps.analytics.services import count_everything_again
    from apps.customers.models import Customer
    from apps.dunning.presets import RECOMMENDED
    from apps.recovery.models import RecoveryCase, Try
    from apps.transactions.models import Transaction

    started = time.perf_counter()
    merchant = Merchant.objects.create(
        name=name, time_zone="America/New_York", stripe_account_id=f"acct_{name}"
    )
    values: dict[str, str | int | dt.datetime] = {
        "merchant": merchant.pk,
        "transactions": transactions,
        "people": max(transactions // 8, 1),
        "pace": PACE,
        "now": NOW,
        "rules": json.dumps(RECOMMENDED.to_json()),
    }
    for model, (source, columns) in (
        (Customer, CUSTOMERS),
        (Transaction, TRANSACTIONS),
        (RecoveryCase, CASES),
        (Try, TRIES),
    ):
        fill(model, source, columns, values)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    seconds = time.perf_counter() - started
    say(f"{seconds:8.1f} s    to make {transactions:,} transactions")
    started = time.perf_counter()
    days = count_everything_again(merchant=merchant)
    seconds = time.perf_counter() - started
    say(f"{seconds:8.1f} s    to count {days} days, {1000 * seconds / max(days, 1):.1f} ms each")
    user = User.objects.create_user(f"{name}@figures.example", None)
    return Membership.objects.create(merchant=merchant, user=user, role=Role.OWNER)


def fill(model: Any, source: str, columns: dict[str, str], values: dict[str, Any]) -> None:
    """Fill a table from a query; columns that are not named get the default of their field."""
    from django.db import connection

    names, expressions, given = ["merchant_id"], ["%(merchant)s"], dict(values)
    for field in model._meta.concrete_fields:
        if field.primary_key or field.column == "merchant_id":
            continue
        names.append(connection.ops.quote_name(field.column))
        expressions.append(columns.get(field.column, f"%(default_{field.column})s"))
        if field.column not in columns:
            default = field.get_db_prep_save(field.get_default(), connection)
            given[f"default_{field.column}"] = default
    statement = (
        f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) "  # noqa: S608 - our own words
        f"SELECT {', '.join(expressions)} FROM {source}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, given)


def event_cost(merchant: Any) -> float:
    """Give the milliseconds of work of a late event: marked, and its days counted anew."""
    from apps.analytics.services import count_days, mark_case
    from apps.recovery.models import RecoveryCase

    cases = RecoveryCase.objects.for_merchant(merchant).filter(
        failed_at__lt=NOW - dt.timedelta(days=2), failed_at__gt=NOW - dt.timedelta(days=4)
    )
    backend = backend_of_this_connection()
    found = []
    for case in cases.order_by("id")[:EVENTS]:
        worked = worked_ms(backend)
        mark_case(case=case)
        days = count_days()
        found.append((worked_ms(backend) - worked) / days)
    return statistics.median(found)


def measure_pages(membership: Any, rounds: int) -> int:
    """Ask every page in turn, round after round, and print what each cost."""
    from django.test import Client

    client = Client()
    client.force_login(membership.user)
    backend = backend_of_this_connection()
    walls: dict[str, list[float]] = {page: [] for page in PAGES}
    works: dict[str, list[float]] = {page: [] for page in PAGES}
    for page in PAGES:
        client.get(page)
    for _round in range(rounds):
        for page in PAGES:
            worked, started = worked_ms(backend), time.perf_counter()
            client.get(page)
            walls[page].append((time.perf_counter() - started) * 1000)
            works[page].append(worked_ms(backend) - worked)
    say("  wall p50   p95   work p50   p95  SQL     kB")
    over = 0
    for page in PAGES:
        p50, p95 = middle_and_worst(works[page])
        queries, size = queries_of(client, page), size_of(client, page, False)
        kept = p50 <= P50 and p95 <= P95 and queries <= QUERIES and size <= KILOBYTES
        over += not kept
        wall = "{:10.0f} {:5.0f}".format(*middle_and_worst(walls[page]))
        mark = "" if kept else "  OVER"
        say(f"{wall} {p50:10.0f} {p95:5.0f} {queries:4} {size:6.1f}  {page}{mark}")
    return int(over > 0)


if __name__ == "__main__":
    sys.exit(main())
