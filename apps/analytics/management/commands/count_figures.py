"""Count all figures of one merchant or of all again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import Merchant
from apps.analytics import services


class Command(BaseCommand):
    help = "Count the daily figures again from the first day on. Safe at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", type=int, help="The merchant's number; all without it.")

    def handle(self, **options: Any) -> None:
        merchants = Merchant.objects.order_by("pk")
        if options["merchant"] is not None:
            merchants = merchants.filter(pk=options["merchant"])
            if not merchants:
                raise CommandError(f"There is no merchant {options['merchant']}.")
        for merchant in merchants:
            days = services.count_everything_again(merchant=merchant)
            self.stdout.write(f"{merchant}: {days} days counted.")
