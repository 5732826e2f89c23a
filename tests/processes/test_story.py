"""The main job with a real worker and a real beat, over HTTP, while processes die."""

import datetime as dt

import pytest

from apps.accounts.models import Merchant
from apps.customer_payments import services as customer_payments
from apps.dunning.presets import RECOMMENDED
from apps.overview.models import Heartbeat
from apps.recovery.models import Attempt, RecoveryCase
from apps.retry_settings import services as retry_settings
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks.models import DirtyObject, InboxEvent

pytestmark = pytest.mark.processes

HOUR, DAY = 3600, 86_400
PAY = "/v1/invoices/*/pay"


class Play:
    """One customer whose renewal fails once, played on a stage."""

    def __init__(self, stage) -> None:
        self.stage = stage
        summary = stage.start_stripe()
        self.merchant = Merchant.objects.create(
            name="Willow Studio",
            stripe_account_id=summary["account"],
            time_zone="America/New_York",
        )
        now = dt.datetime.fromisoformat(summary["now"])
        retry_settings.save_rules(
            merchant=self.merchant, rules=RECOMMENDED, expected_version=0, user=None, now=now
        )
        customer_payments.save_settings(
            merchant=self.merchant,
            revoke_on_failure=True,
            grant_on_success=True,
            expected_version=0,
            user=None,
            now=now,
        )
        for name in ("web", "worker", "beat"):
            stage.start(name)
        stage.wait_until_healthy()

    def sell_what_fails_once(self) -> None:
        do = self.stage.stripe.do
        price = do("create_price", unit_amount=14_900, interval="week", name="Studio Membership")
        customer = do(
            "create_customer_with_card",
            name="Sofia Rossi",
            behaviour=[{"do": "decline", "reason": "insufficient_funds", "times": 1}],
        )
        do("subscribe", customer=customer["id"], price=price["id"])

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps of at most an hour; the processes keep up after each."""
        while seconds > 0:
            step = min(seconds, HOUR)
            self.stage.stripe.post("advance", seconds=step)
            seconds -= step
            if self.is_something_left():
                self.stage.wait_until(lambda: not self.is_something_left(), what="quiet")

    def is_something_left(self) -> bool:
        return (
            self.stage.stripe.get("")["due_deliveries"] > 0
            or InboxEvent.objects.pending().exists()
            or DirtyObject.objects.exists()
        )

    def until_the_renewal_failed(self) -> RecoveryCase:
        self.pass_time(7 * DAY + 2 * HOUR)
        self.stage.wait_until(
            lambda: RecoveryCase.objects.filter(takeover="confirmed").exists(), what="the case"
        )
        return RecoveryCase.objects.get()

    def until_the_try_is_near(self, case: RecoveryCase) -> None:
        """Go to a minute before the due time."""
        now = dt.datetime.fromisoformat(self.stage.stripe.get("")["now"])
        left = (case.next_try_at - now).total_seconds()
        self.pass_time(left - 60)

    def until_the_try_is_due(self, case: RecoveryCase) -> None:
        """Go to just after the due time, without waiting for what happens then."""
        self.until_the_try_is_near(case)
        self.stage.stripe.post("advance", seconds=90)

    def until_recovered(self) -> None:
        def recovered():
            return RecoveryCase.objects.filter(status="recovered").exists()

        self.stage.wait_until(recovered, what="the recovery")

    def assert_everything_is_right(self) -> None:
        self.stage.wait_until(
            lambda: (
                Transaction.objects.filter(status="recovered").exists()
                and Subscription.objects.filter(status="active", access="granted").exists()
            ),
            what="the pages to say so",
        )
        assert self.stage.stripe.get("judge")["violations"] == []
        case = RecoveryCase.objects.get()
        succeeded = case.attempts.filter(status=Attempt.Status.SUCCEEDED)
        assert succeeded.count() == 1
        assert case.recovered_minor == 14_900

    def expire_leases(self) -> None:
        """Let the leases of a dead worker be over now instead of in some minutes.

        It may have died over a read as well, since Stripe's events come while it charges.
        """
        for leased in (Attempt, DirtyObject):
            leased.objects.exclude(lease_until=None).update(lease_until=dt.datetime.now(dt.UTC))


@pytest.fixture
def play(stage) -> Play:
    return Play(stage)


def test_a_failure_is_planned_retried_and_recovered(play):
    play.sell_what_fails_once()
    case = play.until_the_renewal_failed()
    assert Subscription.objects.get().status == "past_due"
    assert Transaction.objects.filter(status="retrying", next_try_at=case.next_try_at).exists()

    play.until_the_try_is_due(case)

    play.until_recovered()
    play.assert_everything_is_right()


def test_duplicated_and_shuffled_events_and_two_beats_change_nothing(play):
    play.stage.stripe.post("webhooks", trouble="duplicate")
    play.stage.stripe.post("webhooks", trouble="shuffle")
    play.stage.start("beat", again_as="second-beat")
    play.sell_what_fails_once()
    case = play.until_the_renewal_failed()

    play.until_the_try_is_due(case)

    play.until_recovered()
    play.assert_everything_is_right()
    assert case.attempts.count() == 1


def test_an_answer_lost_after_the_charge_succeeded_is_one_charge(play):
    play.sell_what_fails_once()
    case = play.until_the_renewal_failed()
    play.stage.stripe.post("faults", fault="timeout_after", method="POST", path=PAY)

    play.until_the_try_is_due(case)

    play.until_recovered()
    play.assert_everything_is_right()


@pytest.mark.parametrize(
    ("hold", "is_sent"),
    [
        # Every read: which of them is the attempt's cannot be told from outside.
        ({"path": "/v1/invoices/*", "method": "GET", "when": "before", "times": 100}, False),
        ({"path": PAY, "method": "POST", "when": "after"}, True),
        ({"path": PAY, "method": "POST", "when": "before"}, True),
    ],
    ids=["claimed_and_not_sent", "charged_and_not_recorded", "sent_and_not_arrived"],
)
def test_a_worker_killed_in_the_middle_charges_once(play, hold, is_sent):
    play.sell_what_fails_once()
    case = play.until_the_renewal_failed()
    play.until_the_try_is_near(case)
    stripe = play.stage.stripe
    # Only now: cases are read every day, and such a read is not the one to be held.
    stripe.post("holds", seconds=25, **hold)
    stripe.post("advance", seconds=90)
    play.stage.wait_until(
        lambda: (
            case.attempts.filter(status=Attempt.Status.RUNNING).exists()
            and stripe.get("")["waiting_calls"]
        ),
        what="a call held in the middle of a charge",
    )

    play.stage.kill("worker")
    stripe.post("holds", clear=True)
    attempt = case.attempts.get()
    assert attempt.status == Attempt.Status.RUNNING
    assert (attempt.sent_at is not None) == is_sent
    play.expire_leases()
    Heartbeat.objects.filter(name="worker").delete()
    play.stage.start("worker")
    play.stage.wait_until_healthy()

    play.until_recovered()
    play.assert_everything_is_right()
