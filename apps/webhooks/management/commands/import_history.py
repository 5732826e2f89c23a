"""`manage.py import_history`: bring merchants' history in from Stripe; may be killed and run again."""

import datetime as dt
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps import clock
from apps.accounts.models import Merchant
from apps.webhooks.models import ImportRun
from apps.webhooks.pace import CALLS_A_SECOND, Pace
from apps.webhooks.queries import import_progress
from apps.webhooks.services.importing import go_on, start_import

STRETCH = 2.0
"""Seconds of work between two lines of progress."""

PATIENCE = 8
"""How often in a row Stripe may give no answer before the command ends."""

ASK_NO_MORE = 300.0
"""A wait in seconds, from which on somebody must change something first."""


class Command(BaseCommand):
    help = (
        "Import customers, subscriptions and payments from Stripe, open invoices first, then "
        "newest to oldest. Silent: nobody is charged, mailed or loses access. Safe to stop and "
        "run again: it goes on where it stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", type=int, help="The number of one merchant; else all.")
        parser.add_argument("--since", type=_day, help="YYYY-MM-DD; else from the beginning.")
        parser.add_argument(
            "--rate",
            type=_rate,
            default=CALLS_A_SECOND,
            help=f"Calls to Stripe a second, as 10 or 10/s; {CALLS_A_SECOND:g} if left out.",
        )

    def handle(
        self, *, merchant: int | None, since: dt.datetime | None, rate: float, **options: Any
    ) -> None:
        merchants = Merchant.objects.exclude(stripe_account_id="").order_by("id")
        if merchant is not None:
            merchants = merchants.filter(pk=merchant)
        if not merchants:
            raise CommandError("No such merchant with a Stripe account; run connect_stripe first.")
        pace = Pace(rate)
        for one in merchants:
            run = start_import(merchant=one, now=clock.now(), since=since)
            if since is not None and run.since != since:
                self.stderr.write(f"{one}: an unfinished import goes on, with its own beginning.")
            self._import(run, pace)

    def _import(self, run: ImportRun, pace: Pace) -> None:
        unanswered = 0
        shown = ""
        while True:
            step = go_on(run_id=run.pk, now=clock.now(), pace=pace, seconds=STRETCH)
            progress = import_progress(run.merchant)
            if progress is not None and progress.words != shown:
                shown = progress.words
                self.stdout.write(f"{run.merchant}: {shown}")
            if step.again_in is None:
                break
            unanswered = unanswered + 1 if step.error and not step.pages else 0
            if step.error and (unanswered >= PATIENCE or step.again_in >= ASK_NO_MORE):
                raise CommandError(
                    f"Stripe: {step.error}. What came in is stored; run import_history again to "
                    "go on from here."
                )
            time.sleep(step.again_in)
        run.refresh_from_db()
        if run.finished_at is None:
            self.stdout.write(f"{run.merchant}: another process imports this merchant already.")


def _day(text: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)


def _rate(text: str) -> float:
    rate = float(text.removesuffix("/s"))
    if rate <= 0:
        raise ValueError(text)
    return rate
