"""`manage.py charging off|on`: the switch for everybody."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps import clock
from apps.accounts.models import Installation, Merchant
from apps.accounts.services import set_charging_of_all


class Command(BaseCommand):
    help = (
        "Show, or switch off and on, charging for all merchants. Off: from now on nothing is "
        "charged, taken over or cancelled at Stripe; reading goes on, and charges under way are "
        "still recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("to", nargs="?", choices=["off", "on"])
        parser.add_argument("--reason", default="", help="Merchants read it; needed for off.")

    def handle(self, *, to: str | None, reason: str, **options: Any) -> None:
        if to == "off" and not reason:
            raise CommandError("Say why, merchants read it: --reason “…”.")
        if to is not None:
            set_charging_of_all(on=to == "on", reason=reason, by=_person(), now=clock.now())
        installation = Installation.objects.current()
        merchants = Merchant.objects.order_by("id")
        self.stdout.write(
            "Charging is on."
            if installation.charging_on
            else f"Charging is off: {installation.charging_reason}"
        )
        for merchant in merchants.filter(charging_on=False):
            self.stdout.write(f"{merchant} is switched off.")
        if since := installation.reconcile_since:
            for merchant in Merchant.objects.behind(since).order_by("id"):
                self.stdout.write(f"{merchant} waits for the comparison with Stripe.")


def _person() -> str:
    """Name who runs the command, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the image
        return "command line"
