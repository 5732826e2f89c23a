"""`manage.py reconcile`: compare open invoices and past-due subscriptions with Stripe."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps import clock
from apps.accounts.models import Merchant
from apps.webhooks.pace import Pace
from apps.webhooks.services import drain
from apps.webhooks.services.reconciling import reconcile


class Command(BaseCommand):
    help = (
        "Compare open invoices and past-due subscriptions with Stripe and read again what "
        "differs. With --check nothing is read again, and the exit code is 1 if anything differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", type=int, help="The number of one merchant; else all.")
        parser.add_argument("--check", action="store_true", help="Only compare.")

    def handle(self, *, merchant: int | None, check: bool, **options: Any) -> None:
        merchants = Merchant.objects.exclude(stripe_account_id="").order_by("id")
        if merchant is not None:
            merchants = merchants.filter(pk=merchant)
        if not merchants:
            raise CommandError("No such merchant with a Stripe account; run connect_stripe first.")
        pace = Pace()
        found = unanswered = 0
        for one in merchants:
            report = reconcile(merchant=one, now=clock.now(), pace=pace, repair=not check)
            self.stdout.write(
                f"{one}: {report.compared:,} compared, {report.difference_count:,} different."
            )
            for name, ids in report.differences.items():
                self.stdout.write(f"  {name.replace('_', ' ')}: {', '.join(ids)}")
            if report.error:
                self.stderr.write(f"  not complete: {report.error}")
            found += report.difference_count
            unanswered += bool(report.error)
        if check and (found or unanswered):
            raise CommandError(f"{found} different, {unanswered} merchants not compared.")
        if found:
            drained = drain(now=clock.now(), at_once=True)
            self.stdout.write(f"Read again: {drained.objects:,}.")
        if unanswered:
            raise CommandError(f"{unanswered} merchants were not compared; run it again.")
