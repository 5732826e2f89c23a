"""Reading dirty objects when Stripe is cold, slow or gone, and several workers are about."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Merchant
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import (
    AccessDenied,
    Busy,
    NotFound,
    OutcomeUnknown,
    UnreadableAnswer,
)
from apps.transactions.models import Transaction
from apps.webhooks import services
from apps.webhooks.marks import QUIET_SECONDS, Mark
from apps.webhooks.models import DirtyObject
from apps.webhooks.services import reading
from tests.recovery.builders import FAILED_AT, an_invoice, paid

pytestmark = pytest.mark.django_db

Kind = DirtyObject.Kind


class Reads:
    """A gateway that answers one invoice for every id, or fails as told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.errors: list[Exception] = []
        self.always: Exception | None = None
        self.during = lambda: None
        self.invoice = an_invoice()

    def read_invoice(self, *, account, invoice_id):
        self.asked.append(invoice_id)
        if self.always:
            raise self.always
        if self.errors:
            raise self.errors.pop(0)
        answer = replace(self.invoice, id=invoice_id)
        self.during()
        return answer

    def nothing_found(self, **_):
        self.asked.append("elsewhere")
        raise NotFound("resource_missing", "No such object")


@pytest.fixture
def stripe(monkeypatch) -> Reads:
    reads = Reads()
    monkeypatch.setattr(gateway, "read_invoice", reads.read_invoice)
    for name in ("read_subscription", "read_customer", "read_charge", "read_payment_method"):
        monkeypatch.setattr(gateway, name, reads.nothing_found)
    return reads


@pytest.fixture
def merchant():
    return Merchant.objects.create(name="Studio", stripe_account_id="acct_own")


def mark(merchant, *ids: str, kind: Kind = Kind.INVOICE, wait: float = 0.0, **hint) -> None:
    marks = [Mark(kind, stripe_id, hint, wait) for stripe_id in ids]
    services.mark_dirty(merchant=merchant, marks=marks, now=FAILED_AT)


def read(**options) -> services.Drained:
    return services.read_dirty(now=FAILED_AT, **options)


def ready_again() -> None:
    """Let the waits of failed reads be over."""
    DirtyObject.objects.update(not_before=timezone.now() - timedelta(seconds=1))


def test_a_read_object_is_clean(stripe, merchant):
    mark(merchant, "in_1")

    assert read() == services.Drained(objects=1)
    assert not DirtyObject.objects.exists()
    assert Transaction.objects.get().stripe_id == "in_1"


def test_what_was_marked_during_the_read_is_read_again(stripe, merchant):
    mark(merchant, "in_1")
    stripe.during = lambda: mark(merchant, "in_1")
    read()

    row = DirtyObject.objects.get()
    assert row.lease_until is None
    stripe.during = lambda: None
    read()
    assert stripe.asked == ["in_1", "in_1"]
    assert not DirtyObject.objects.exists()


def test_an_object_in_other_hands_is_left_alone(stripe, merchant):
    mark(merchant, "in_1")
    stripe.during = lambda: stripe.asked.append(str(read().objects))

    read()

    assert stripe.asked == ["in_1", "0"]


def test_the_lease_of_a_dead_worker_ends(stripe, merchant):
    mark(merchant, "in_1")
    DirtyObject.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert read().objects == 1


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("timeout"), AccessDenied("", "no permission"), Busy("rate_limit", 2)]
)
def test_an_unanswered_read_waits_and_is_never_given_up(stripe, merchant, error):
    mark(merchant, "in_1")
    stripe.always = error
    for _ in range(12):
        assert read().failures == 1
        row = DirtyObject.objects.get()
        assert row.not_before > timezone.now()
        assert row.error == str(error)
        ready_again()
    wait = row.not_before - timezone.now()
    assert wait <= timedelta(seconds=reading.LONGEST_WAIT)

    stripe.always = None
    read()
    assert not DirtyObject.objects.exists()


def test_waits_grow(stripe, merchant):
    stripe.always = OutcomeUnknown("timeout")
    mark(merchant, "in_1")
    waits = []
    for _ in range(3):
        read()
        waits.append((DirtyObject.objects.get().not_before - timezone.now()).total_seconds())
        ready_again()

    assert [round(wait) for wait in waits] == [5, 10, 20]


def test_a_cold_stripe_is_not_stormed(stripe, merchant):
    mark(merchant, *(f"in_{number}" for number in range(40)))
    stripe.always = OutcomeUnknown("timeout")

    done = services.drain(now=FAILED_AT)

    assert done.failures == reading.FAILURES_IN_A_ROW
    assert not services.drain(now=FAILED_AT).failures
    assert len(stripe.asked) == reading.FAILURES_IN_A_ROW
    assert DirtyObject.objects.count() == 40


def test_one_merchants_trouble_delays_no_other(stripe, merchant, monkeypatch):
    other = Merchant.objects.create(name="Other", stripe_account_id="acct_other")
    mark(merchant, *(f"in_bad_{number}" for number in range(100)))
    mark(other, "in_good")
    read_invoice = stripe.read_invoice

    def by_account(*, account, invoice_id):
        stripe.always = OutcomeUnknown() if account == merchant else None
        return read_invoice(account=account, invoice_id=invoice_id)

    monkeypatch.setattr(gateway, "read_invoice", by_account)
    services.drain(now=FAILED_AT)

    assert Transaction.objects.get().merchant == other


def test_a_noisy_merchant_does_not_keep_others_waiting(stripe, merchant):
    other = Merchant.objects.create(name="Other", stripe_account_id="acct_other")
    mark(merchant, *(f"in_{number}" for number in range(100)))
    mark(other, "in_small")

    read(limit=2)

    assert "in_small" in stripe.asked


def test_what_never_can_be_read_is_parked_with_its_error_and_delays_nobody(stripe, merchant):
    mark(merchant, "in_poison")
    stripe.always = UnreadableAnswer("an invoice without a currency")
    for _ in range(reading.TRIES_BEFORE_PARKING):
        read()
        if not DirtyObject.objects.parked().exists():
            ready_again()
    parked = DirtyObject.objects.parked().get()
    assert parked.error == "an invoice without a currency"

    stripe.always = None
    mark(merchant, "in_2")
    assert read().objects == 1
    assert DirtyObject.objects.get() == parked

    assert services.replay_parked() == 1
    assert read().objects == 1


def test_an_error_of_ours_is_kept_in_the_row_too(stripe, merchant):
    mark(merchant, "in_1", "in_2")
    stripe.errors = [KeyError("surprise")]

    assert read() == services.Drained(objects=1, failures=1)
    assert "surprise" in DirtyObject.objects.get().error


def test_what_was_deleted_at_stripe_is_clean(stripe, merchant):
    mark(merchant, "sub_gone", kind=Kind.SUBSCRIPTION)
    mark(merchant, "cus_gone", kind=Kind.CUSTOMER)
    mark(merchant, "ch_gone", kind=Kind.CHARGE)
    mark(merchant, "pm_gone", kind=Kind.PAYMENT_METHOD)

    assert read().failures == 0
    assert not DirtyObject.objects.exists()


def test_an_invoice_read_covers_what_it_brings_along(stripe, merchant):
    mark(merchant, "cus_1", kind=Kind.CUSTOMER)
    mark(merchant, "sub_1", kind=Kind.SUBSCRIPTION)
    mark(merchant, "ch_first", kind=Kind.CHARGE, wait=QUIET_SECONDS)
    mark(merchant, "pi_1", kind=Kind.PAYMENT_INTENT, wait=QUIET_SECONDS)
    mark(merchant, "in_1")
    services.drain(now=FAILED_AT)

    assert stripe.asked == ["in_1"]
    assert not DirtyObject.objects.exists()


def test_it_does_not_cover_what_was_marked_after_it_was_asked_for(stripe, merchant):
    mark(merchant, "in_1")
    stripe.during = lambda: mark(merchant, "sub_1", kind=Kind.SUBSCRIPTION)
    read()

    assert DirtyObject.objects.get().stripe_id == "sub_1"


def test_a_changed_method_is_looked_at_on_all_open_invoices(stripe, merchant):
    mark(merchant, "in_1", "in_2")
    read()
    stripe.asked.clear()

    mark(merchant, "cus_1", kind=Kind.CUSTOMER, method_changed=True)
    mark(merchant, "in_1")
    services.drain(now=FAILED_AT)

    assert Counter(stripe.asked) == {"in_1": 1, "in_2": 1}


def test_a_charge_whose_outcome_is_known_costs_no_call(stripe, merchant):
    mark(merchant, "in_1")
    read()
    stripe.asked.clear()

    mark(merchant, "ch_first", kind=Kind.CHARGE, payment_intent="pi_1")
    mark(merchant, "pi_1", kind=Kind.PAYMENT_INTENT, charge="ch_first")
    services.drain(now=FAILED_AT)

    assert stripe.asked == []
    assert not DirtyObject.objects.exists()


def test_a_refund_of_a_known_charge_reads_its_invoice(stripe, merchant):
    stripe.invoice = paid(an_invoice(), FAILED_AT)
    mark(merchant, "in_1")
    read()
    stripe.asked.clear()
    [first, last] = stripe.invoice.tries
    stripe.invoice = replace(
        stripe.invoice, tries=(first, replace(last, refunded_minor=last.amount.minor))
    )

    mark(merchant, "ch_paid", kind=Kind.CHARGE, must_read=True)
    services.drain(now=FAILED_AT)

    assert stripe.asked == ["in_1"]
    assert Transaction.objects.get().status == "refunded"


def test_a_charge_without_an_invoice_named_waits_for_its_companions(stripe, merchant):
    mark(merchant, "ch_1", kind=Kind.CHARGE, wait=QUIET_SECONDS)

    done = services.drain(now=FAILED_AT)

    assert stripe.asked == []
    assert done.again_in == pytest.approx(QUIET_SECONDS, abs=0.5)
    services.drain(now=FAILED_AT, at_once=True)
    assert stripe.asked == ["elsewhere"]


def test_an_old_answer_never_overwrites_a_newer_one(stripe, merchant):
    """A read that was under way while another worker read and wrote: its answer comes last."""
    mark(merchant, "in_1")
    newer = paid(an_invoice(), FAILED_AT)

    def overtake():
        stripe.during = lambda: None
        DirtyObject.objects.update(lease_until=None)
        stripe.invoice = newer
        read()

    stripe.during = overtake
    read()

    row = Transaction.objects.get()
    assert (row.invoice_status, row.status) == ("paid", "recovered")
    assert RecoveryCase.objects.get().status == "recovered"


def test_a_run_stops_when_its_time_is_up(stripe, merchant):
    mark(merchant, *(f"in_{number}" for number in range(5)))

    done = services.drain(now=FAILED_AT, seconds=0.0)

    assert done.again_in == 0.0
    assert DirtyObject.objects.count() == 5
