"""The operator's figures: what each one counts, who may read them, and what they never tell."""

import datetime as dt

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps import clock
from apps.accounts.models import Installation
from apps.overview.metrics import exposition
from apps.overview.models import Heartbeat
from apps.overview.services import check_invariants
from apps.recovery.models import Attempt, CaseEvent
from apps.stripe_gateway import errors
from apps.stripe_gateway.counting import count
from apps.stripe_gateway.models import MirrorBacklog
from apps.webhooks.models import DirtyObject, InboxEvent
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
TOKEN = "metrics-token-of-the-tests"


def figures(now=NOW) -> dict[str, float]:
    """Read every sample under its name, with its label's value in brackets."""
    check_invariants(now=now, real_now=timezone.now())
    text, _ = exposition(now=now, real_now=timezone.now())
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def attempt(case, *, due=NOW, **fields) -> Attempt:
    last = case.attempts.count()
    return Attempt.objects.create(case=case, number=last + 1, due_at=due, **fields)


def event(number, **fields) -> InboxEvent:
    return InboxEvent.objects.create(
        stripe_event_id=f"evt_{number}", body=b"{}", received_at=NOW - number * MINUTE, **fields
    )


def test_everything_is_zero_and_on_in_an_empty_installation():
    found = figures()

    assert found.pop("recoup_charging_on") == 1
    assert set(found.values()) == {0}
    assert len(found) > 25


def test_attempts_that_are_due_and_late():
    attempt(CaseFactory(), due=NOW - 16 * MINUTE)
    attempt(CaseFactory(), due=NOW - MINUTE)
    attempt(CaseFactory(), due=NOW + MINUTE)
    attempt(CaseFactory(merchant__charging_on=False), due=NOW - HOUR)

    found = figures()

    assert found["recoup_attempts_due"] == 2
    assert found["recoup_attempts_due_oldest_seconds"] == 16 * 60
    assert found["recoup_attempts_late"] == 1
    assert found["recoup_invariant_violations[late_attempts]"] == 1
    assert found["recoup_cases_open"] == 4


def test_attempts_are_late_although_the_engine_is_away():
    attempt(CaseFactory(), due=NOW - HOUR)
    Installation.objects.create(alive_at=timezone.now() - 2 * HOUR)

    found = figures()

    assert (found["recoup_attempts_due"], found["recoup_attempts_late"]) == (0, 1)


def test_attempts_without_an_outcome_and_the_oldest_of_them():
    attempt(CaseFactory(), status="unknown", claimed_at=NOW - 25 * HOUR)
    attempt(CaseFactory(), status="unknown", claimed_at=NOW - HOUR)
    attempt(CaseFactory(), status="processing", claimed_at=NOW - 48 * HOUR)

    found = figures()

    assert found["recoup_attempts_unsettled[unknown]"] == 2
    assert found["recoup_attempts_unsettled_oldest_seconds[unknown]"] == 25 * 3600
    assert found["recoup_attempts_unsettled[running]"] == 0
    assert found["recoup_attempts_unsettled[processing]"] == 1
    assert found["recoup_invariant_violations[unknown_too_long]"] == 1


def test_inbox_and_objects_to_read():
    event(3)
    event(1)
    event(2, status="quarantined")
    event(4, status="done")
    merchant = MerchantFactory()
    for number, wait in enumerate([NOW, NOW, DirtyObject.PARKED]):
        DirtyObject.objects.create(
            merchant=merchant,
            kind="invoice",
            stripe_id=f"in_{number}",
            marked_at=NOW,
            not_before=wait,
        )

    found = figures()

    assert found["recoup_inbox_pending"] == 2
    assert found["recoup_inbox_oldest_seconds"] == 180
    assert found["recoup_inbox_quarantined"] == 1
    assert found["recoup_dirty_objects[waiting]"] == 2
    assert found["recoup_dirty_objects[parked]"] == 1


def test_outbox_with_poison():
    case = CaseFactory()
    for number, tries in enumerate([0, 3, 20]):
        CaseEvent.objects.create(
            case=case,
            merchant=case.merchant,
            kind="opened",
            key=str(number),
            at=NOW - number * HOUR,
            text="x",
            delivery_tries=tries,
        )

    found = figures()

    assert found["recoup_outbox_events[waiting]"] == 2
    assert found["recoup_outbox_events[poison]"] == 1
    assert found["recoup_outbox_oldest_seconds"] == 3600


def test_the_mirrors_backlog():
    for number, failures in enumerate([0, 2]):
        MirrorBacklog.objects.create(
            stripe_account_id="acct_1",
            livemode=False,
            is_connected=False,
            kind="invoice",
            stripe_id=f"in_{number}",
            rank=6,
            answer={},
            read_at=NOW,
            not_before=NOW,
            failures=failures,
        )

    found = figures()

    assert found["recoup_mirror_backlog[waiting]"] == 1
    assert found["recoup_mirror_backlog[failing]"] == 1


def test_errors_of_stripe_by_kind_but_no_declines():
    for error in (errors.Busy(), errors.Busy(), errors.OutcomeUnknown(), errors.PaymentDeclined()):
        count(error)

    found = figures()

    assert found["recoup_stripe_errors_total[busy]"] == 2
    assert found["recoup_stripe_errors_total[no_answer]"] == 1
    assert sum(v for name, v in found.items() if "stripe_errors_total" in name) == 3


def test_heartbeats_are_absent_before_the_first_and_then_age():
    assert not any("heartbeat" in name for name in figures())
    Heartbeat.objects.create(name="worker", at=timezone.now() - 2 * MINUTE)

    assert figures()["recoup_heartbeat_age_seconds[worker]"] == pytest.approx(120, abs=5)


def test_switches_and_comparisons():
    MerchantFactory(charging_on=False)
    MerchantFactory(reconciled_at=NOW)
    Installation.objects.create(charging_on=False, reconcile_since=NOW)

    found = figures()

    assert found["recoup_charging_on"] == 0
    assert found["recoup_merchants_charging_off"] == 1
    assert found["recoup_merchants_reconciling"] == 1


class TestAccess:
    def test_without_a_token_there_is_no_such_page(self, client):
        assert client.get("/metrics").status_code == 404

    @pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}"])
    def test_only_the_token_opens_it(self, client, settings, given):
        settings.METRICS_TOKEN = TOKEN
        headers = {} if given is None else {"Authorization": given}

        response = client.get("/metrics", headers=headers)

        assert response.status_code == 401
        assert response.content == b""

    def test_with_it_prometheus_gets_its_format_and_no_session(self, client, settings):
        settings.METRICS_TOKEN = TOKEN
        case = CaseFactory(offer_name="Studio Canary")

        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

        page = response.content.decode()
        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain; version=")
        assert not response.cookies
        assert "recoup_cases_open 1.0" in page
        for text in (case.merchant.name, case.stripe_invoice_id, "Canary", "acct_"):
            assert text not in page

    def test_ages_follow_the_business_clock(self, client, settings, monkeypatch):
        settings.METRICS_TOKEN = TOKEN
        event(1)
        monkeypatch.setattr(clock, "now", lambda: NOW)

        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

        assert "recoup_inbox_oldest_seconds 60.0" in response.content.decode()


def test_counting_never_hides_the_error_it_counts(monkeypatch, caplog):
    def away(*args, **kwargs):
        raise RuntimeError("the database is away")

    monkeypatch.setattr("apps.stripe_gateway.models.StripeErrorCount.objects.bulk_create", away)

    count(errors.Busy())

    assert "was not counted" in caplog.text
