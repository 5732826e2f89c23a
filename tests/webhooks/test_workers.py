"""Several threads on one database: the same event, the same queue, the same objects."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from time import sleep

import pytest
from django.db import connection

from apps.accounts.models import Merchant
from apps.stripe_gateway import client as gateway
from apps.transactions.models import Transaction
from apps.webhooks import services
from apps.webhooks.models import DirtyObject, InboxEvent
from tests.recovery.builders import FAILED_AT, an_invoice
from tests.webhooks.bodies import NOW, an_event, body_of

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS, INVOICES, WORKERS = 60, 12, 4


@pytest.fixture
def reads(monkeypatch) -> Counter[str]:
    counted: Counter[str] = Counter()
    under_way: set[str] = set()
    lock = Lock()

    def read_invoice(*, account, invoice_id):
        assert not connection.in_atomic_block
        with lock:
            assert invoice_id not in under_way, "two workers read one object at once"
            under_way.add(invoice_id)
            counted[invoice_id] += 1
        sleep(0.005)
        with lock:
            under_way.remove(invoice_id)
        invoice = an_invoice(id=invoice_id)
        tried = replace(invoice.tries[0], charge_id=f"ch_{invoice_id}")
        return replace(invoice, tries=(tried,))

    monkeypatch.setattr(gateway, "read_invoice", read_invoice)
    return counted


def together(*jobs) -> None:
    """Run jobs in threads of their own, each with its own connection."""

    def run(job):
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(run, job) for job in jobs]:
            done.result()


def event_body(number: int) -> bytes:
    invoice = {"id": f"in_{number % INVOICES}", "object": "invoice"}
    return body_of(an_event(id=f"evt_{number}", subject=invoice))


def test_the_same_events_arriving_at_once_are_kept_once():
    def deliver():
        for number in range(EVENTS):
            services.receive(body=event_body(number), now=NOW)

    together(*[deliver] * WORKERS)

    assert InboxEvent.objects.count() == EVENTS


def test_workers_share_the_queue_and_never_an_object(reads):
    Merchant.objects.create(name="Studio", stripe_account_id="acct_own")
    for number in range(EVENTS):
        services.receive(body=event_body(number), now=NOW)

    together(*[lambda: services.drain(now=FAILED_AT)] * WORKERS)

    assert not InboxEvent.objects.pending().exists()
    assert not DirtyObject.objects.exists()
    assert Transaction.objects.count() == INVOICES
    assert set(reads) == {f"in_{number}" for number in range(INVOICES)}


def test_events_that_arrive_while_workers_read_are_not_lost(reads):
    Merchant.objects.create(name="Studio", stripe_account_id="acct_own")

    def deliver():
        for number in range(EVENTS):
            services.receive(body=event_body(number), now=NOW)
            services.take_in(now=NOW)

    together(deliver, *[lambda: services.drain(now=FAILED_AT)] * 2)
    services.drain(now=FAILED_AT)

    assert not InboxEvent.objects.pending().exists()
    assert not DirtyObject.objects.exists()
    assert Transaction.objects.count() == INVOICES
