"""Two workers at once, with real connections."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.customer_payments import services
from apps.customer_payments.models import Access, AccessEvent
from apps.dunning.access import AccessRules
from apps.reactions import services as reactions
from apps.recovery import services as recovery
from apps.recovery.models import CaseEvent
from tests.accounts.factories import MerchantFactory
from tests.customer_payments.test_steps import choose
from tests.recovery.builders import DAY, FAILED_AT, an_invoice, paid


@pytest.fixture
def merchant(transactional_db):
    return MerchantFactory()


def at_once(*works):
    start = threading.Barrier(len(works))

    def one(work):
        try:
            start.wait(timeout=10)
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_a_due_step_is_taken_by_one_of_two(merchant, stripe):
    choose(merchant, AccessRules(revoke="first_failure", grace_days=1))
    recovery.observe_invoice(merchant=merchant, invoice=an_invoice(), now=FAILED_AT)
    reactions.deliver(now=FAILED_AT)
    (step_id,) = services.due_steps(now=FAILED_AT + DAY)

    def take():
        return services.carry_out_step(step_id=step_id, now=FAILED_AT + DAY)

    assert sorted(at_once(take, take)) == [False, True]
    assert AccessEvent.objects.count() == 1


def test_failure_and_payment_told_at_the_same_time_end_in_access(merchant, stripe):
    choose(merchant)
    recovery.observe_invoice(merchant=merchant, invoice=an_invoice(), now=FAILED_AT)
    failure = CaseEvent.objects.undelivered().values_list("pk", flat=True)[0]

    def tell_failure():
        reactions.deliver_one(event_id=failure, now=FAILED_AT)

    def pay_and_tell():
        invoice = paid(an_invoice(), FAILED_AT)
        recovery.observe_invoice(merchant=merchant, invoice=invoice, now=FAILED_AT)
        reactions.deliver(now=FAILED_AT)

    at_once(tell_failure, pay_and_tell)
    reactions.deliver(now=FAILED_AT)

    assert not Access.objects.exclude(state="granted").exists()
