"""Whatever people, banks and Stripe do in whatever order, a case stays in a state that makes sense.

Hypothesis draws what happens next; the sandbox judges every charge, the services are the real ones.
"""

import datetime as dt

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from apps.dunning.presets import DAYS_1_3_5_7, RECOMMENDED
from apps.recovery import services
from apps.recovery.models import Attempt, RecoveryCase
from apps.stripe_gateway.client import use_http_client
from sandbox import cards
from sandbox.billing import closing
from tests.accounts.factories import UserFactory
from tests.story.world import WEBHOOK_SECRET, World

REASONS = ("insufficient_funds", "generic_decline", "lost_card", "expired_card", "processing_error")
FAULTS = ("timeout_after", "timeout_before", "error_500_after", "rate_limit", "lock_timeout")


BOUNDED = settings(
    max_examples=3,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


class CaseMachine(RuleBasedStateMachine):
    """One customer of one merchant, from the failed renewal on."""

    offset_file = None

    @initialize(
        rules=st.sampled_from([RECOMMENDED, DAYS_1_3_5_7]),
        reason=st.sampled_from(REASONS),
        times=st.integers(1, 4),
    )
    def a_renewal_fails(self, rules, reason, times):
        self.before = transaction.savepoint()
        self.world = World(self.offset_file)
        self._stripe = use_http_client(self.world.http)
        self._stripe.__enter__()
        self.user = UserFactory()
        self.world.choose(rules=rules)
        self.sold = self.world.subscribe(cards.declines(reason, times=times))
        self.world.until_the_renewal_failed()

    def teardown(self):
        if hasattr(self, "world"):
            self._stripe.__exit__(None, None, None)
            transaction.savepoint_rollback(self.before)
            self.world.sandbox.judge.assert_clean()

    @property
    def case(self):
        return RecoveryCase.objects.get(merchant=self.world.merchant)

    @property
    def invoice(self):
        return self.world.sandbox.object("invoice", self.case.stripe_invoice_id)

    def is_open(self):
        return hasattr(self, "world") and self.invoice["status"] == "open"

    @rule(hours=st.sampled_from([1, 24, 72, 200]))
    def time_passes(self, hours):
        self.world.advance(dt.timedelta(hours=hours))

    @rule(
        reason=st.sampled_from(["", *REASONS]), where=st.sampled_from(["customer", "subscription"])
    )
    def the_customer_gives_a_card(self, reason, where):
        behaviour = cards.declines(reason, times=1) if reason else cards.pays()
        self.world.sandbox.replace_card(self.sold["customer"], behaviour=behaviour, where=where)
        self.world.settle_down()

    @precondition(lambda self: self.is_open())
    @rule()
    def the_customer_pays(self):
        self.world.sandbox.customer_pays(self.invoice)
        self.world.settle_down()

    @precondition(lambda self: self.is_open())
    @rule(how=st.sampled_from([closing.void, closing.mark_uncollectible, closing.pay_out_of_band]))
    def the_merchant_closes_the_invoice(self, how):
        how(self.world.sandbox.books(), self.invoice)
        self.world.settle_down()

    @rule()
    def the_customer_cancels(self):
        subscription = self.world.sandbox.object("subscription", self.sold["id"])
        if subscription["status"] in ("active", "past_due"):
            self.world.sandbox.cancel_subscription(subscription)
            self.world.settle_down()

    @rule(fault=st.sampled_from(FAULTS))
    def the_next_charge_goes_wrong(self, fault):
        self.world.sandbox.faults.add(fault, method="POST", path="/v1/invoices/*/pay")

    @rule()
    def somebody_retries_now(self):
        try:
            started = services.retry_now(
                merchant=self.world.merchant,
                case_id=self.case.pk,
                user=self.user,
                now=self.world.now,
            )
        except services.NotNow:
            return
        services.carry_out(attempt_id=started.attempt_id, now=self.world.now)
        self.world.settle_down()

    @rule(what=st.sampled_from([services.stop_case, services.reopen]))
    def somebody_stops_or_opens_it(self, what):
        try:
            what(
                merchant=self.world.merchant,
                case_id=self.case.pk,
                user=self.user,
                now=self.world.now,
            )
        except services.NotNow:
            return
        self.world.settle_down()

    @invariant()
    def the_case_makes_sense(self):
        if not hasattr(self, "world"):
            return
        case, invoice = self.case, self.invoice
        planned = case.attempts.filter(status=Attempt.Status.SCHEDULED)
        paid = [one for one in self.world.charges(invoice["id"]) if not one["refunded"]]
        assert len(paid) <= 1
        assert case.attempts.unsettled().count() <= 1
        if case.status != RecoveryCase.Status.OPEN:
            assert not planned.exists()
            assert case.next_try_at is None
        if case.status == RecoveryCase.Status.RECOVERED:
            assert paid
            assert case.recovered_minor == invoice["amount_paid"]
        if case.next_step == RecoveryCase.Step.RETRY:
            assert planned.get().due_at == case.next_try_at

    @invariant()
    def what_ended_paid_stays_paid(self):
        if hasattr(self, "world") and self.invoice["status"] == "paid":
            assert self.case.status != RecoveryCase.Status.OPEN


@pytest.mark.django_db
def test_a_case_always_makes_sense(tmp_path):

    class Machine(CaseMachine):
        offset_file = tmp_path / "clock-offset"

    with override_settings(
        CLOCK_OFFSET_FILE=tmp_path / "clock-offset", STRIPE_WEBHOOK_SECRETS=[WEBHOOK_SECRET]
    ):
        run(Machine, settings=BOUNDED)
