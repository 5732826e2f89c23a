"""Marks and whoever counts them, with two real connections."""

import datetime as dt
import threading

import pytest
from django.db import connection, transaction

from apps.analytics import services
from apps.analytics.models import DayFigures, DayToCount
from apps.analytics.services import counting
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import CaseFactory

MOMENT = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)


@pytest.fixture
def merchant(transactional_db):
    return MerchantFactory()


def elsewhere(work):
    """Do something over another connection; an error if it does not end soon."""
    failures = []

    def run():
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive(), "it had to wait for whoever counts"
    assert not failures


def test_a_mark_set_while_its_day_is_counted_waits_for_nobody_and_is_not_missed(
    merchant, monkeypatch
):
    CaseFactory(merchant=merchant, failed_at=MOMENT)
    services.mark_moments(merchant=merchant, moments=[MOMENT])
    counted = counting._counted

    def fails_meanwhile():
        CaseFactory(merchant=merchant, failed_at=MOMENT)
        services.mark_moments(merchant=merchant, moments=[MOMENT])

    def slowly(**which):
        sheet = counted(**which)
        monkeypatch.setattr(counting, "_counted", counted)
        elsewhere(fails_meanwhile)
        return sheet

    monkeypatch.setattr(counting, "_counted", slowly)
    assert services.count_days(limit=1) == 1
    assert DayFigures.objects.get().open == 1
    assert DayToCount.objects.exists(), "what was marked meanwhile is counted again"

    assert services.count_days() == 1
    assert DayFigures.objects.get().open == 2
    assert not DayToCount.objects.exists()


def test_a_day_is_counted_by_one_at_a_time(merchant, monkeypatch):
    CaseFactory(merchant=merchant, failed_at=MOMENT)
    services.mark_moments(merchant=merchant, moments=[MOMENT])
    found = []
    counted = counting._counted

    def while_another_comes(**which):
        elsewhere(lambda: found.append(services.count_days()))
        return counted(**which)

    monkeypatch.setattr(counting, "_counted", while_another_comes)
    assert services.count_days() == 1
    assert found == [0]


def test_a_mark_that_is_not_committed_yet_is_counted_after_it(merchant, monkeypatch):
    services.mark_moments(merchant=merchant, moments=[MOMENT])
    marked, may_end = threading.Event(), threading.Event()
    counted = counting._counted

    def mark():
        with transaction.atomic():
            CaseFactory(merchant=merchant, failed_at=MOMENT)
            services.mark_moments(merchant=merchant, moments=[MOMENT])
            marked.set()
            may_end.wait(timeout=10)
        connection.close()

    other = threading.Thread(target=mark)
    other.start()
    assert marked.wait(timeout=10)

    def then_it_commits(**which):
        sheet = counted(**which)
        may_end.set()
        return sheet

    monkeypatch.setattr(counting, "_counted", then_it_commits)
    assert services.count_days() >= 1
    other.join(timeout=10)
    services.count_days()

    assert DayFigures.objects.get().open == 1
