"""Real connections at once: one claim, one case, one manual retry."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from apps.dunning.presets import RECOMMENDED
from apps.recovery import services
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.retry_settings.models import RetrySettings
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.recovery.builders import FAILED_AT, HOUR, an_invoice

WORKERS = 6


def at_once(work):
    """Run `work` in several threads that start together; give back results and errors."""
    start = threading.Barrier(WORKERS)

    def one(_):
        try:
            start.wait(timeout=60)
            return work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(one, range(WORKERS)))


@pytest.fixture
def merchant(transactional_db):
    merchant = MerchantFactory()
    RetrySettings.objects.create(
        merchant=merchant, rules=RECOMMENDED.to_json(), updated_at=FAILED_AT
    )
    return merchant


def test_workers_at_once_charge_once_and_open_one_case(merchant, stripe):
    opened = at_once(
        lambda: services.observe_invoice(merchant=merchant, invoice=an_invoice(), now=FAILED_AT)
    )
    assert [one for one in opened if isinstance(one, Exception)] == []
    case = RecoveryCase.objects.get()
    assert case.events.filter(kind=CaseEvent.Kind.OPENED).count() == 1
    attempt = case.attempts.get()

    user = UserFactory()
    clicks = at_once(
        lambda: services.retry_now(
            merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT + 2 * HOUR
        )
    )
    assert sum(isinstance(click, services.Started) for click in clicks) == 1
    assert sum(isinstance(click, services.NotNow) for click in clicks) == WORKERS - 1
    Attempt.objects.exclude(pk=attempt.pk).delete()

    stripe.now, stripe.answers = attempt.due_at, ["paid"] * WORKERS
    ran = at_once(lambda: services.run_attempt(attempt_id=attempt.pk, now=attempt.due_at))
    assert [one for one in ran if isinstance(one, Exception)] == []
    assert len(stripe.pays) == 1
    assert RecoveryCase.objects.get().status == "recovered"
