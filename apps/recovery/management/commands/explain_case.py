from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps import clock
from apps.recovery.models import RecoveryCase
from apps.recovery.services.explaining import explanation


class Command(BaseCommand):
    help = "Print why a case is where it is: the reasons its page shows, asked anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("case", help="The case's number, or its Stripe invoice id.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["case"]
        wanted = {"pk": int(name)} if name.isdecimal() else {"stripe_invoice_id": name}
        cases = list(RecoveryCase.objects.filter(**wanted).select_related("merchant"))
        if not cases:
            raise CommandError(f"There is no case {name}.")
        for case in cases:
            for line in explanation(case=case, now=clock.now()):
                self.stdout.write(line)
