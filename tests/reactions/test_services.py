"""The fan-out: access follows the money, every consumer may see an event twice."""

from importlib import import_module

import pytest

from apps.customer_payments.models import Access, AccessEvent
from apps.customer_payments.services import save_settings, settings_for
from apps.reactions import services as reactions
from apps.recovery import services as recovery
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.transactions import services as transactions
from tests.recovery.builders import DAY, FAILED_AT, HOUR, an_invoice, paid


@pytest.fixture
def switched_on(merchant):
    return save_settings(
        merchant=merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        expected_version=0,
        user=None,
        now=FAILED_AT,
    )


def fail(merchant, invoice=None, now=FAILED_AT) -> RecoveryCase:
    case = recovery.observe_invoice(merchant=merchant, invoice=invoice or an_invoice(), now=now)
    reactions.deliver(now=now)
    return case


def pay(merchant, invoice=None, at=FAILED_AT + DAY) -> None:
    recovery.observe_invoice(merchant=merchant, invoice=paid(invoice or an_invoice(), at), now=at)
    reactions.deliver(now=at)


def test_the_wake_up_name_is_a_task():
    assert import_module("apps.reactions.tasks").deliver.name == "reactions.deliver"


@pytest.mark.usefixtures("stripe", "switched_on")
class TestAccess:
    def test_is_revoked_on_the_first_failure_and_given_back_on_success(self, merchant):
        fail(merchant)
        assert Access.objects.get().state == "revoked"

        pay(merchant)
        access = Access.objects.get()
        assert (access.state, access.revoked_by_case_id) == ("granted", None)
        assert [event.state for event in access.events.all()] == ["revoked", "granted"]

    def test_never_triggers_automations(self, merchant):
        fail(merchant)
        pay(merchant)

        assert not AccessEvent.objects.filter(triggers_automations=True).exists()
        told = CaseEvent.objects.filter(kind__in=["access_revoked", "access_granted"])
        assert [event.data["triggers_automations"] for event in told] == [False, False]

    def test_a_persons_revoke_stays(self, merchant):
        fail(merchant)
        Access.objects.update(revoked_by_case_id=None, changed_by="ana@example.com")

        pay(merchant)

        assert Access.objects.get().state == "revoked"

    def test_what_a_person_gave_back_is_not_taken_twice(self, merchant):
        case = fail(merchant)
        Access.objects.update(state="granted", revoked_by_case_id=None)
        event = case.events.get(kind="opened")
        CaseEvent.objects.filter(pk=event.pk).update(delivered_at=None)

        reactions.deliver(now=FAILED_AT + HOUR)

        assert Access.objects.get().state == "granted"

    def test_a_second_unpaid_invoice_keeps_access_revoked(self, merchant):
        fail(merchant)
        second = an_invoice(id="in_2", tries=())
        fail(merchant, second, FAILED_AT + HOUR)

        pay(merchant)
        assert Access.objects.get().state == "revoked"

        pay(merchant, second, FAILED_AT + 2 * DAY)
        assert Access.objects.get().state == "granted"

    def test_an_event_delivered_twice_changes_access_once(self, merchant):
        fail(merchant)
        CaseEvent.objects.update(delivered_at=None)

        reactions.deliver(now=FAILED_AT + HOUR)

        assert AccessEvent.objects.count() == 1

    def test_is_not_revoked_when_it_is_paid_before_the_event_is_read(self, merchant):
        recovery.observe_invoice(merchant=merchant, invoice=an_invoice(), now=FAILED_AT)

        pay(merchant)

        assert not Access.objects.filter(state="revoked").exists()

    def test_an_imported_failure_takes_nothing(self, merchant):
        recovery.observe_invoice(
            merchant=merchant, invoice=an_invoice(), now=FAILED_AT, source="import"
        )

        reactions.deliver(now=FAILED_AT)

        assert not Access.objects.exists()


@pytest.mark.usefixtures("stripe")
def test_both_switches_are_off_on_day_one(merchant):
    chosen = settings_for(merchant)

    fail(merchant)

    assert (chosen.revoke_on_failure, chosen.grant_on_success) == (False, False)
    assert not Access.objects.exists()


@pytest.mark.usefixtures("stripe")
def test_a_poison_event_stays_with_its_error_and_delays_no_other(merchant, monkeypatch):
    case = recovery.observe_invoice(merchant=merchant, invoice=an_invoice(), now=FAILED_AT)
    other = recovery.observe_invoice(
        merchant=merchant, invoice=an_invoice(id="in_2", tries=()), now=FAILED_AT
    )
    real = transactions.apply_case

    def refuse(*, case: RecoveryCase) -> None:
        if case.stripe_invoice_id == "in_1":
            raise RuntimeError("poison")
        real(case=case)

    monkeypatch.setattr(transactions, "apply_case", refuse)

    reactions.deliver(now=FAILED_AT)

    assert not other.events.undelivered().exists()
    stuck = case.events.undelivered().first()
    assert (stuck.delivery_tries, stuck.delivery_error) == (1, "RuntimeError('poison')")
