"""`manage.py take_over_imported`: treat open imported cases as our own, by a confirmed count."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps import clock
from apps.accounts.models import Merchant
from apps.recovery.services import (
    CountChanged,
    imported_cases_to_take_over,
    take_over_imported,
)


class Command(BaseCommand):
    help = (
        "Count the open imported cases that can be taken over; with --count take them over: the "
        "merchant's retry settings apply to them from now on, and they are silent no more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("merchant", type=int, help="The number of the merchant.")
        parser.add_argument("--count", type=int, help="How many it will be, to confirm.")

    def handle(self, *, merchant: int, count: int | None, **options: Any) -> None:
        found = Merchant.objects.filter(pk=merchant).first()
        if found is None:
            raise CommandError(f"There is no merchant {merchant}.")
        if count is None:
            waiting = imported_cases_to_take_over(merchant=found, now=clock.now()).count()
            self.stdout.write(
                f"{found}: {waiting:,} open imported cases can be taken over. Confirm with "
                f"--count {waiting}."
            )
            return
        try:
            taken = take_over_imported(
                merchant=found, expected_count=count, user=None, now=clock.now()
            )
        except CountChanged as error:
            raise CommandError(
                f"Nothing was changed: it would be {error.current:,} cases, not {count:,}."
            ) from error
        self.stdout.write(f"{found}: {taken:,} cases taken over.")
