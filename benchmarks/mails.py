"""What the mails of many failures at once cost, and whether they make a charge late.

Planned, and sent over SMTP to a local server by one worker over one connection; each failure has a
customer of its own, and nothing is read from Stripe, as right after a failure. Meanwhile a second
worker makes the charges that fall due, against a Stripe that answers at once: how late it is, is the
product's own doing. Both run in one process and share its interpreter, so that in production, where
they are two, it is better.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest import mock

import django
from aiosmtpd.controller import Controller
from django.db import connection
from django.test.utils import override_settings, setup_databases, teardown_databases

if TYPE_CHECKING:
    from apps.accounts.models import Merchant
    from apps.stripe_gateway.facts import InvoiceFacts

MONDAY = dt.datetime(2026, 11, 2, 15, 0, tzinfo=dt.UTC)
CHARGES, EVERY = 30, dt.timedelta(seconds=1)
"""Charges that fall due while the mails go out, and how far apart."""

LATE_SECONDS = 5.0
POLL_SECONDS = 0.05


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
    charges = Charges(merchant_of_charges())
    started = time.perf_counter()
    while reactions.deliver(now=MONDAY):
        pass
    planned = time.perf_counter() - started
    say(f"{failures / planned:8.0f} /s   failures reacted to, their first mail planned")
    for name in ("mail.log", "apps"):
        logging.getLogger(name).setLevel(logging.WARNING)
    handler = Counting()
    server = Controller(handler, hostname="127.0.0.1", port=20_025)
    server.start()
    try:
        with override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=20_025,
        ):
            worker = threading.Thread(target=charges.work)
            worker.start()
            started = time.perf_counter()
            while sending.due_mails(now=MONDAY):
                sending.send_due(now=MONDAY, seconds=600)
            spent = time.perf_counter() - started
            worker.join()
    finally:
        server.stop()
    say(
        f"{handler.count / spent:8.0f} /s   mails sent by one worker ({handler.count} of {failures})"
    )
    late = [one for one in charges.lateness if one > LATE_SECONDS]
    say(
        f"{len(late):8d}      of {len(charges.lateness)} charges late by more than"
        f" {LATE_SECONDS:.0f} s meanwhile (the worst {max(charges.lateness, default=0):.2f} s)"
    )


class Charges:
    """Charges that fall due one after the other, and a worker that makes them."""

    def __init__(self, merchant: Merchant) -> None:
        """Let payments of as many customers fail, each with a card of its own, and plan the tries."""
        from apps.recovery import services as recovery
        from apps.recovery.models import Attempt
        from tests.recovery.builders import FAILED_AT, VISA, an_invoice, failed_try, taken_over

        self.lateness: list[float] = []
        self.invoices = {}
        for number in range(CHARGES):
            card = replace(VISA, reference=f"pm_{number}", fingerprint=f"fp_{number}")
            tried = replace(
                failed_try(f"ch_{number}", method=card), payment_intent_id=f"pi_{number}"
            )
            invoice = an_invoice(
                id=f"in_charge_{number}",
                customer_id=f"cus_charge_{number}",
                method=card,
                tries=(tried,),
            )
            self.invoices[invoice.id] = taken_over(invoice)
            with self._stripe():
                recovery.observe_invoice(merchant=merchant, invoice=invoice, now=FAILED_AT)
        self.begin = FAILED_AT + dt.timedelta(days=3)
        for number, attempt in enumerate(Attempt.objects.order_by("pk")):
            Attempt.objects.filter(pk=attempt.pk).update(due_at=self.begin + number * EVERY)

    def work(self) -> None:
        """Make each charge once it is due, and note how late it was taken up."""
        from apps.recovery import services as recovery
        from apps.recovery.models import Attempt

        started = time.perf_counter()
        try:
            with self._stripe():
                while len(self.lateness) < CHARGES:
                    now = self.begin + dt.timedelta(seconds=time.perf_counter() - started)
                    for attempt_id in recovery.due_attempts(now=now):
                        at = self.begin + dt.timedelta(seconds=time.perf_counter() - started)
                        attempt = Attempt.objects.get(pk=attempt_id)
                        recovery.run_attempt(attempt_id=attempt_id, now=at)
                        self.lateness.append((at - attempt.due_at).total_seconds())
                    time.sleep(POLL_SECONDS)
                    if time.perf_counter() - started > 300:
                        break
        finally:
            connection.close()

    def _stripe(self) -> ExitStack:
        """Put a Stripe in place that answers at once: what is read is open, what is paid succeeds."""
        from apps.stripe_gateway import client
        from tests.recovery.builders import paid

        def read(*, account: object, invoice_id: str) -> InvoiceFacts:
            return self.invoices[invoice_id]

        def stop(*, account: object, invoice_id: str, key: str) -> InvoiceFacts:
            return self.invoices[invoice_id]

        def pay(
            *, account: object, invoice_id: str, key: str, payment_method_id: str = ""
        ) -> InvoiceFacts:
            return paid(self.invoices[invoice_id], self.begin, f"ch_paid_{invoice_id}")

        stack = ExitStack()
        for name, answer in (
            ("read_invoice", read),
            ("stop_stripe_retries", stop),
            ("pay_invoice", pay),
        ):
            stack.enter_context(mock.patch.object(client, name, answer))
        return stack


def merchant_of_charges() -> Merchant:
    """Make a merchant whose retries Recoup makes by the recommended rules."""
    from apps.dunning.presets import RECOMMENDED
    from apps.retry_settings.models import RetrySettings
    from tests.accounts.factories import MerchantFactory

    merchant: Merchant = MerchantFactory()
    RetrySettings.objects.create(merchant=merchant, rules=RECOMMENDED.to_json(), updated_at=MONDAY)
    return merchant


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
