"""`manage.py rebuild_read_models`: write what pages show anew from the mirror, without Stripe."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from apps import clock
from apps.accounts.models import Merchant
from apps.webhooks.services.rebuilding import NotMirrored, rebuild


class Command(BaseCommand):
    help = (
        "Drop customers, payment methods, subscriptions and transactions and write them again "
        "from the mirror. No call to Stripe; cases, attempts and access stay. Pages never show half."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", type=int, help="The number of one merchant; else all.")
        parser.add_argument(
            "--forget-missing",
            action="store_true",
            help="Rebuild although rows that the mirror does not have are lost.",
        )

    def handle(self, *, merchant: int | None, forget_missing: bool, **options: Any) -> None:
        merchants = Merchant.objects.order_by("id")
        if merchant is not None:
            merchants = merchants.filter(pk=merchant)
            if not merchants:
                raise CommandError(f"There is no merchant {merchant}.")
        for one in merchants:
            try:
                done = rebuild(merchant=one, now=clock.now(), forget_missing=forget_missing)
            except NotMirrored as error:
                raise CommandError(
                    f"{one}: nothing was changed. {error}; run import_history first, or say "
                    "--forget-missing."
                ) from error
            except DatabaseError as error:
                words = " ".join(str(error).split())
                raise CommandError(f"{one}: nothing was changed. Run it again. {words}") from error
            self.stdout.write(f"{one}: rebuilt {done}.")
