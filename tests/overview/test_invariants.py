"""The rules that must never break: each is broken here on purpose, and found."""

import datetime as dt

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.accounts.models import Installation
from apps.customer_payments.models import Access, CustomerPaymentSettings
from apps.overview import invariants
from apps.overview.models import InvariantCheck
from apps.overview.services import check_invariants
from apps.overview.tasks import check_invariants as task
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.webhooks.models import InboxEvent
from tests.accounts.factories import UserFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


def broken(name: str, now=NOW) -> list[str]:
    """Name what breaks one rule, and make sure that it breaks no other."""
    checks = {one.name: one for one in check_invariants(now=now, real_now=timezone.now())}
    assert {key for key, one in checks.items() if one.broken} <= {name}
    return checks[name].examples


def charge(case, number, *, amount=14900, status="succeeded", at=NOW, **fields) -> Try:
    return Try.objects.create(
        merchant=case.merchant,
        stripe_charge_id=f"ch_{number}",
        stripe_invoice_id=case.stripe_invoice_id,
        at=at,
        status=status,
        amount_minor=amount,
        amount_due_minor=14900,
        amount_remaining_minor=0,
        currency="usd",
        **fields,
    )


def attempt(case, **fields) -> Attempt:
    values = {"number": case.attempts.count() + 1, "due_at": NOW, **fields}
    return Attempt.objects.create(case=case, **values)


def recovered(**fields) -> RecoveryCase:
    return CaseFactory(
        status="recovered", end_reason="paid", closed_at=NOW, recovered_minor=14900, **fields
    )


def test_nothing_is_broken_in_an_empty_installation():
    assert not any(one.broken for one in check_invariants(now=NOW, real_now=NOW))


class TestPaidTwice:
    def test_two_full_charges(self):
        case = CaseFactory()
        charge(case, 1)
        assert broken("paid_twice") == []
        charge(case, 2)
        assert broken("paid_twice") == [case.stripe_invoice_id]

    def test_parts_are_fine(self):
        case = CaseFactory()
        charge(case, 1, amount=10_000)
        charge(case, 2, amount=4_900)

        assert broken("paid_twice") == []


class TestAttempts:
    def test_unknown_for_more_than_a_day(self):
        case = CaseFactory()
        row = attempt(case, status="unknown", claimed_at=NOW - DAY + HOUR)
        assert broken("unknown_too_long") == []
        Attempt.objects.filter(pk=row.pk).update(claimed_at=NOW - DAY - HOUR)
        assert broken("unknown_too_long") == [case.stripe_invoice_id]

    def test_a_charge_of_an_attempt_that_says_it_made_none(self):
        case = CaseFactory()
        row = attempt(case, status="skipped", skip_reason="not_executed")
        charge(case, "x", status="failed", attempt=row)

        assert broken("charged_but_skipped") == [case.stripe_invoice_id]

    def test_planned_for_a_closed_case(self):
        case = CaseFactory(status="stopped", end_reason="stopped_by_person", closed_at=NOW)
        attempt(case)

        assert broken("scheduled_though_closed") == [case.stripe_invoice_id]

    def test_late(self):
        case = CaseFactory()
        attempt(case, due_at=NOW - HOUR)

        assert broken("late_attempts") == [case.stripe_invoice_id]

    def test_late_on_purpose(self):
        attempt(CaseFactory(), due_at=NOW - HOUR)
        Installation.objects.update_or_create(pk=1, defaults={"charging_on": False})

        assert broken("late_attempts") == []


class TestCardBudget:
    @pytest.mark.parametrize(("tries", "expected"), [(14, []), (15, ["ch_ours"])])
    def test_stripes_tries_count(self, tries, expected):
        case = CaseFactory()
        for number in range(tries):
            at = NOW - (number + 1) * DAY
            charge(case, number, status="failed", at=at, fingerprint="fp_1")
        ours = attempt(case, status="declined")
        charge(case, "ours", status="failed", attempt=ours, fingerprint="fp_1")

        assert broken("over_card_budget") == expected

    def test_what_could_not_be_known_yet_does_not(self):
        case = CaseFactory()
        for number in range(15):
            at = NOW - number * MINUTE
            charge(case, number, status="failed", at=at, fingerprint="fp_1")
        charge(case, "ours", status="failed", attempt=attempt(case), fingerprint="fp_1")

        assert broken("over_card_budget") == []


def test_recovered_without_a_charge():
    case = recovered()
    assert broken("recovered_without_charge") == [case.stripe_invoice_id]
    charge(case, 1)
    assert broken("recovered_without_charge") == []


@pytest.mark.parametrize(
    ("paid", "gives_back", "saved", "expected"),
    [
        (NOW - 10 * MINUTE, True, NOW - HOUR, ["cus_1"]),
        (NOW - MINUTE, True, NOW - HOUR, []),
        (NOW - 10 * MINUTE, False, NOW - HOUR, []),
        (NOW - 10 * MINUTE, True, NOW - MINUTE, []),
    ],
    ids=["broken", "just paid", "not wanted", "wanted since"],
)
def test_access_still_revoked_although_paid(paid, gives_back, saved, expected):
    case = recovered()
    charge(case, 1)
    CaseEvent.objects.create(
        case=case,
        merchant=case.merchant,
        kind="recovered",
        key="recovered:1",
        at=NOW - HOUR,
        delivered_at=paid,
    )
    CustomerPaymentSettings.objects.create(
        merchant=case.merchant, grant_on_success=gives_back, updated_at=saved
    )
    Access.objects.create(
        merchant=case.merchant,
        stripe_customer_id="cus_1",
        stripe_product_id="prod_1",
        stripe_subscription_id="sub_1",
        state="revoked",
        changed_at=NOW,
        revoked_by_case_id=case.pk,
    )

    assert broken("revoked_while_paid") == expected


def test_an_event_nobody_took_in():
    InboxEvent.objects.create(stripe_event_id="evt_1", body=b"{}", received_at=NOW - HOUR)

    assert broken("waiting_events") == ["evt_1"]


@pytest.mark.parametrize(
    ("read", "fields", "count"),
    [(None, {}, 1), (NOW - HOUR, {}, 1), (NOW - MINUTE, {}, 0), (None, {"is_silent": True}, 0)],
)
def test_a_case_event_nobody_reacted_to(read, fields, count):
    case = CaseFactory(checked_at=read)
    CaseEvent.objects.create(
        case=case, merchant=case.merchant, kind="opened", key="opened", at=NOW - HOUR, **fields
    )

    assert broken("waiting_outbox") == [case.stripe_invoice_id] * count


class TestChecking:
    def test_since_when_it_is_broken_is_kept_until_it_holds_again(self):
        row = attempt(CaseFactory(), due_at=NOW - HOUR)
        check_invariants(now=NOW, real_now=NOW)
        check_invariants(now=NOW, real_now=NOW + HOUR)
        check = InvariantCheck.objects.get(name="late_attempts")
        assert (check.broken, check.broken_since, check.checked_at) == (1, NOW, NOW + HOUR)

        row.delete()
        check_invariants(now=NOW, real_now=NOW + 2 * HOUR)

        check.refresh_from_db()
        assert (check.broken, check.broken_since, check.examples) == (0, None, [])

    def test_a_rule_that_is_no_more_is_forgotten(self):
        InvariantCheck.objects.create(name="old", rule="", words="", broken=1, checked_at=NOW)

        task()

        names = set(InvariantCheck.objects.values_list("name", flat=True))
        assert names == {one.name for one in invariants.INVARIANTS}

    def test_the_command_says_so_and_fails(self, capsys):
        call_command("check_invariants")
        assert "BROKEN" not in capsys.readouterr().out

        case = recovered()
        with pytest.raises(SystemExit) as end:
            call_command("check_invariants")

        assert end.value.code == 1
        assert f"BROKEN 1 times: {case.stripe_invoice_id}" in capsys.readouterr().out

    def test_the_admin_shows_them(self, client):
        attempt(CaseFactory(), due_at=NOW - HOUR)
        check_invariants(now=NOW, real_now=NOW)
        client.force_login(UserFactory(is_staff=True, is_superuser=True))

        page = client.get("/admin/overview/invariantcheck/").content.decode()

        assert "Every due attempt is made, re-planned or closed within 15 minutes" in page
        assert RecoveryCase.objects.get().stripe_invoice_id in page
