"""What the mails of many failures at once cost: planned, and sent over SMTP to a local server.

One process, one connection, each failure with a customer of its own; nothing is read from Stripe,
as right after a failure. The product's own cost, then, and how long the queue for charges waits:
not at all, it is another one.
"""

import argparse
import datetime as dt
import logging
import sys
import time

import django
from aiosmtpd.controller import Controller
from django.test.utils import override_settings, setup_databases, teardown_databases

MONDAY = dt.datetime(2026, 11, 2, 15, 0, tzinfo=dt.UTC)


class Counting:
    """Takes every mail and counts it."""

    def __init__(self) -> None:
        self.count = 0

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.count += 1
        return "250 OK"


def main() -> int:
    """Measure and print; the database is made for it and dropped again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mails", description=__doc__)
    parser.add_argument("--failures", type=int, default=1_000)
    failures: int = parser.parse_args().failures
    django.setup()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        measure(failures)
    finally:
        teardown_databases(databases, verbosity=0)
    return 0


def measure(failures: int) -> None:
    """Let so many payments fail at one moment, and print what their first mails cost."""
    from apps.customers.models import Customer
    from apps.dunning.mails.kinds import AVAILABLE
    from apps.dunning_emails.services import sending
    from apps.dunning_emails.services.settings import switch_kind
    from apps.reactions import services as reactions
    from apps.recovery.models import CaseEvent, RecoveryCase
    from tests.accounts.factories import MerchantFactory
    from tests.recovery.factories import CaseFactory

    merchant = MerchantFactory()
    for kind in AVAILABLE:
        switch_kind(merchant=merchant, kind=kind, on=True, user=None, now=MONDAY)
    for number in range(failures):
        name = f"cus_{number:06}"
        Customer.objects.create(
            merchant=merchant,
            stripe_customer_id=name,
            email=f"{name}@example.com",
            time_zone="America/New_York",
            read_at=MONDAY,
        )
        case = CaseFactory(
            merchant=merchant,
            stripe_customer_id=name,
            failed_at=MONDAY,
            opened_at=MONDAY,
            checked_at=MONDAY,
            next_step=RecoveryCase.Step.NEW_CARD,
        )
        CaseEvent.objects.create(
            case=case, merchant=merchant, kind="opened", key="opened", at=MONDAY, text="Failed."
        )
    started = time.perf_counter()
    while reactions.deliver(now=MONDAY):
        pass
    planned = time.perf_counter() - started
    say(f"{failures / planned:8.0f} /s   failures reacted to, their first mail planned")
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    handler = Counting()
    server = Controller(handler, hostname="127.0.0.1", port=20_025)
    server.start()
    try:
        with override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=20_025,
        ):
            started = time.perf_counter()
            while sending.due_mails(now=MONDAY):
                sending.send_due(now=MONDAY, seconds=600)
            spent = time.perf_counter() - started
    finally:
        server.stop()
    say(
        f"{handler.count / spent:8.0f} /s   mails sent by one worker ({handler.count} of {failures})"
    )


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
