"""Access step by step: planned when a payment fails, carried out when due, dropped when paid."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import AuditEntry
from apps.customer_payments import services
from apps.customer_payments.models import Access, AccessEvent, AccessRun, AccessStep
from apps.customer_payments.queries import last_run
from apps.customer_payments.services import opened, planning
from apps.customer_payments.services.opened import effect_on_open
from apps.dunning.access import AccessRules, Ladder, Step
from apps.dunning.facts import Decline
from apps.reactions import services as reactions
from apps.recovery import services as recovery
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.stripe_gateway.errors import OutcomeUnknown
from apps.subscriptions.models import Subscription
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.recovery.builders import (
    DAY,
    FAILED_AT,
    HOUR,
    a_subscription,
    an_invoice,
    failed_try,
    paid,
)
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.usefixtures("stripe")

LADDER = Ladder(steps=(Step("banner", 0), Step("limited", 3), Step("revoked", 7)))
FIRST = AccessRules(revoke="first_failure")


def choose(merchant, details=FIRST, *, grant=True, at=FAILED_AT - DAY, **more):
    version = services.settings_for(merchant).version
    return services.save_settings(
        merchant=merchant,
        revoke_on_failure=details.revoke != "never",
        grant_on_success=grant,
        details=details,
        expected_version=version,
        user=None,
        now=at,
        **more,
    )


def fail(merchant, invoice=None, now=FAILED_AT) -> RecoveryCase:
    case = recovery.observe_invoice(merchant=merchant, invoice=invoice or an_invoice(), now=now)
    go_on(now)
    return case


def pay(merchant, invoice=None, at=FAILED_AT + DAY) -> None:
    recovery.observe_invoice(merchant=merchant, invoice=paid(invoice or an_invoice(), at), now=at)
    reactions.deliver(now=at)


def go_on(now) -> None:
    reactions.deliver(now=now)
    services.plan_runs(now=now)
    for step_id in services.due_steps(now=now):
        services.carry_out_step(step_id=step_id, now=now)
    reactions.deliver(now=now)


def state() -> str:
    return Access.objects.get().state


def kinds(case) -> list[str]:
    return [event.kind for event in case.events.order_by("id") if "access" in event.kind]


class TestGraceAndLadder:
    def test_access_goes_when_grace_is_over(self, merchant):
        choose(merchant, replace(FIRST, grace_days=7))
        case = fail(merchant)
        assert state() == "granted"
        assert "revoked on Nov 9" in case.events.get(kind="access_planned").text

        go_on(FAILED_AT + 7 * DAY - HOUR)
        assert state() == "granted"
        go_on(FAILED_AT + 7 * DAY)

        assert state() == "revoked"
        assert kinds(case) == ["access_planned", "access_revoked"]

    def test_a_case_on_hold_takes_nothing_until_it_goes_on(self, merchant):
        choose(merchant, replace(FIRST, grace_days=7))
        case = fail(merchant)
        RecoveryCase.objects.filter(pk=case.pk).update(
            hold="person", held_at=FAILED_AT + DAY, next_step="held"
        )
        go_on(FAILED_AT + 8 * DAY)
        assert state() == "granted"

        RecoveryCase.objects.filter(pk=case.pk).update(hold="", held_at=None, next_step="retry")
        go_on(FAILED_AT + 8 * DAY + 2 * HOUR)
        assert state() == "revoked"

    def test_each_step_is_on_the_timeline_and_on_the_subscription(self, merchant):
        row = SubscriptionFactory(merchant=merchant, stripe_subscription_id="sub_1")
        choose(merchant, replace(FIRST, ladders=(LADDER,)))
        case = fail(merchant)
        seen = []
        for days in (0, 3, 7):
            go_on(FAILED_AT + days * DAY)
            row.refresh_from_db()
            seen.append(row.access)

        assert seen == ["banner", "limited", "revoked"]
        assert kinds(case) == [
            "access_limited",
            "access_planned",
            "access_limited",
            "access_revoked",
        ] or kinds(case) == [
            "access_planned",
            "access_limited",
            "access_limited",
            "access_revoked",
        ]
        assert [event.state for event in AccessEvent.objects.all()] == seen
        assert not AccessEvent.objects.filter(triggers_automations=True).exists()

    def test_paid_in_time_nothing_is_taken_and_the_notice_goes(self, merchant):
        choose(merchant, replace(FIRST, ladders=(LADDER,)), grant=False)
        fail(merchant)
        pay(merchant, at=FAILED_AT + 2 * DAY)

        go_on(FAILED_AT + 30 * DAY)

        assert state() == "granted"
        assert set(AccessStep.objects.values_list("status", flat=True)) == {"done", "dropped"}

    def test_the_reason_chooses_the_ladder(self, merchant):
        technical = Ladder(steps=(Step("revoked", 3),), reasons=("technical",))
        choose(merchant, replace(FIRST, ladders=(technical,)))
        trouble = failed_try(decline=Decline("card_declined", "processing_error"))
        fail(merchant, an_invoice(tries=(trouble,)))

        assert state() == "granted"
        go_on(FAILED_AT + 3 * DAY)
        assert state() == "revoked"

    def test_late_work_goes_straight_to_the_last_step(self, merchant):
        choose(merchant, replace(FIRST, ladders=(LADDER,)))
        fail(merchant)

        go_on(FAILED_AT + 8 * DAY)

        assert state() == "revoked"
        assert list(AccessStep.objects.values_list("status", flat=True)) == ["done"] * 3

    def test_switching_revoke_off_stops_what_was_planned(self, merchant):
        choose(merchant, replace(FIRST, grace_days=7))
        fail(merchant)
        choose(merchant, AccessRules(), at=FAILED_AT + DAY)

        go_on(FAILED_AT + 7 * DAY)

        assert state() == "granted"
        assert AccessStep.objects.get().status == "dropped"

    def test_only_chosen_offers(self, merchant):
        choose(merchant, replace(FIRST, offers=("prod_other",)))

        fail(merchant)

        assert not Access.objects.exists()

    def test_payment_plans_as_well(self, merchant):
        choose(merchant)
        case = fail(merchant, an_invoice(subscription=a_subscription(installments_total=6)))

        assert case.kind == "payment_plan"
        assert state() == "revoked"

    def test_one_off_invoices_take_nothing(self, merchant):
        choose(merchant)

        assert fail(merchant, an_invoice(subscription=None)).kind == "one_off"
        assert not Access.objects.exists()


class TestNeverWhilePaid:
    def test_3d_secure_is_no_failure_until_it_fails(self, merchant):
        choose(merchant)
        asks = failed_try(decline=Decline("card_declined", "authentication_required"))
        fail(merchant, an_invoice(tries=(asks,), requires_action=True))
        assert not Access.objects.exists()

        fails = failed_try("ch_2", FAILED_AT + HOUR)
        fail(merchant, an_invoice(tries=(asks, fails)), FAILED_AT + HOUR)
        assert state() == "revoked"

    def test_a_decline_that_asks_for_3d_secure_is_none_even_if_the_invoice_does_not_say_so(
        self, merchant
    ):
        choose(merchant)
        asks = failed_try(decline=Decline("card_declined", "authentication_required"))

        fail(merchant, an_invoice(tries=(asks,)))

        assert not Access.objects.exists()

    def test_a_bank_debit_under_way_is_waited_for(self, merchant, stripe):
        choose(merchant, replace(FIRST, grace_days=1))
        fail(merchant)
        stripe.invoice = an_invoice(processing=True)

        go_on(FAILED_AT + DAY)
        assert state() == "granted"

        stripe.invoice = an_invoice()
        go_on(FAILED_AT + DAY + HOUR)
        assert state() == "revoked"

    def test_what_was_paid_unseen_is_seen_before_anything_is_taken(self, merchant, stripe):
        choose(merchant, replace(FIRST, grace_days=7))
        case = fail(merchant)
        stripe.invoice = paid(an_invoice(), FAILED_AT + 6 * DAY)

        go_on(FAILED_AT + 7 * DAY)

        case.refresh_from_db()
        assert case.status == "recovered"
        assert not AccessEvent.objects.exists()

    def test_nothing_is_taken_while_stripe_does_not_answer(self, merchant, stripe):
        choose(merchant, replace(FIRST, grace_days=7))
        fail(merchant)
        stripe.read_errors = [OutcomeUnknown("no answer")]

        go_on(FAILED_AT + 7 * DAY)
        assert state() == "granted"

        go_on(FAILED_AT + 7 * DAY + HOUR)
        assert state() == "revoked"

    def test_two_workers_take_a_step_once(self, merchant):
        choose(merchant, replace(FIRST, grace_days=1))
        fail(merchant)
        (step_id,) = services.due_steps(now=FAILED_AT + DAY)

        first = services.carry_out_step(step_id=step_id, now=FAILED_AT + DAY)
        second = services.carry_out_step(step_id=step_id, now=FAILED_AT + DAY)

        assert (first, second) == (True, False)
        assert AccessEvent.objects.count() == 1

    def test_a_payment_elsewhere_gives_back_too(self, merchant):
        choose(merchant)
        fail(merchant)
        elsewhere = replace(
            paid(an_invoice(), FAILED_AT + DAY), paid_out_of_band=True, tries=an_invoice().tries
        )

        recovery.observe_invoice(merchant=merchant, invoice=elsewhere, now=FAILED_AT + DAY)
        reactions.deliver(now=FAILED_AT + DAY)

        assert RecoveryCase.objects.get().end_reason == "paid_elsewhere"
        assert state() == "granted"

    def test_a_case_stopped_because_they_bought_again_gives_back(self, merchant):
        choose(merchant)
        case = fail(merchant)
        RecoveryCase.objects.update(
            status="stopped", end_reason="bought_again", closed_at=FAILED_AT + DAY
        )
        CaseEvent.objects.create(
            case=case,
            merchant=merchant,
            kind="stopped",
            key="stopped:1",
            at=FAILED_AT + DAY,
            text="Stopped: bought again.",
        )

        reactions.deliver(now=FAILED_AT + DAY)

        assert state() == "granted"

    def test_bought_again_keeps_access(self, merchant):
        choose(merchant, replace(FIRST, grace_days=3))
        fail(merchant)
        SubscriptionFactory(
            merchant=merchant, stripe_customer_id="cus_1", stripe_product_id="prod_1"
        )

        go_on(FAILED_AT + 3 * DAY)

        assert state() == "granted"

    def test_the_answer_of_our_own_attempt_gives_back_before_any_webhook(self, merchant, stripe):
        choose(merchant)
        case = fail(merchant)
        assert state() == "revoked"
        attempt = case.attempts.get(status="scheduled")
        now = stripe.now = attempt.due_at
        stripe.answers = ["paid"]

        recovery.run_attempt(attempt_id=attempt.pk, now=now)
        reactions.deliver(now=now)

        case.refresh_from_db()
        assert case.status == "recovered"
        access = Access.objects.get()
        assert access.state == "granted"
        assert (access.changed_at - case.closed_at).total_seconds() <= 60


class TestEnd:
    def end(self, merchant, status="canceled", reason="payment_failed"):
        gone = a_subscription(status=status, cancellation_reason=reason)
        SubscriptionFactory(
            merchant=merchant,
            stripe_subscription_id="sub_1",
            stripe_customer_id="cus_1",
            stripe_product_id="prod_1",
            status=status,
            access="none",
        )
        fail(merchant, an_invoice(subscription=gone), FAILED_AT + 9 * DAY)
        go_on(FAILED_AT + 9 * DAY)

    def test_access_ends_with_the_subscription(self, merchant):
        choose(merchant, AccessRules())
        fail(merchant)
        self.end(merchant)

        assert state() == "revoked"
        assert AccessEvent.objects.get().reason == "The subscription ended."

    def test_or_is_kept_where_the_merchant_chose_so(self, merchant):
        choose(merchant, AccessRules(at_end="keep"))
        fail(merchant)
        self.end(merchant)

        assert state() == "kept"
        assert Subscription.objects.get().access == "kept"

    def test_nothing_happens_before_the_first_save(self, merchant):
        fail(merchant)
        self.end(merchant)

        assert not AccessEvent.objects.exists()

    def test_used_up_revokes_then(self, merchant):
        choose(merchant, AccessRules(revoke="tries_used_up"))
        fail(merchant)
        assert not Access.objects.exists()
        self.end(merchant)

        assert state() == "revoked"

    def test_a_canceled_customer_loses_no_planned_step_but_the_end(self, merchant):
        choose(merchant, AccessRules(revoke="first_failure", grace_days=30, at_end="keep"))
        fail(merchant)
        self.end(merchant, reason="cancellation_requested")

        go_on(FAILED_AT + 40 * DAY)
        assert state() == "kept"


class TestLaterPayments:
    def lose(self, merchant):
        SubscriptionFactory(
            merchant=merchant,
            stripe_subscription_id="sub_1",
            stripe_customer_id="cus_1",
            stripe_product_id="prod_1",
        )
        case = fail(merchant)
        RecoveryCase.objects.filter(pk=case.pk).update(
            status="lost", end_reason="tries_used_up", closed_at=FAILED_AT + 21 * DAY
        )
        Subscription.objects.update(case_status="lost", status="active")
        return case

    def next_month(self, merchant, **changes):
        return TransactionFactory(
            merchant=merchant,
            stripe_subscription_id="sub_1",
            invoice_status="paid",
            paid_at=FAILED_AT + 30 * DAY,
            **changes,
        )

    def test_the_next_month_paid_gives_access_back(self, merchant):
        choose(merchant)
        case = self.lose(merchant)
        assert services.sweep(now=FAILED_AT + 29 * DAY) == 0
        self.next_month(merchant)

        assert services.sweep(now=FAILED_AT + 30 * DAY) == 1
        assert services.sweep(now=FAILED_AT + 30 * DAY) == 0

        assert state() == "granted"
        assert kinds(case)[-1] == "access_granted"

    def test_not_what_a_person_took(self, merchant):
        choose(merchant)
        self.lose(merchant)
        services.revoke(
            merchant=merchant, subscription_id="sub_1", user=UserFactory(), now=FAILED_AT + DAY
        )
        self.next_month(merchant)

        assert services.sweep(now=FAILED_AT + 30 * DAY) == 0

    def test_not_with_grant_off(self, merchant):
        choose(merchant, grant=False)
        self.lose(merchant)
        self.next_month(merchant)

        assert services.sweep(now=FAILED_AT + 30 * DAY) == 0


class TestReturns:
    def recovered(self, merchant, status):
        case = fail(merchant)
        pay(merchant)
        TransactionFactory(
            merchant=merchant,
            stripe_id="in_1",
            status=status,
            case_id=case.pk,
            paid_at=FAILED_AT + DAY,
        )
        return case

    @pytest.mark.parametrize("status", ["refunded", "disputed"])
    def test_a_refund_or_dispute_takes_access_where_chosen(self, merchant, status):
        choose(merchant, replace(FIRST, after_return="revoke"))
        self.recovered(merchant, status)

        assert services.sweep(now=FAILED_AT + 9 * DAY) == 1
        assert services.sweep(now=FAILED_AT + 9 * DAY) == 0
        assert state() == "revoked"

    def test_by_default_it_changes_nothing(self, merchant):
        choose(merchant)
        self.recovered(merchant, "refunded")

        assert services.sweep(now=FAILED_AT + 9 * DAY) == 0

    def test_payments_recovered_before_the_choice_are_left_alone(self, merchant):
        choose(merchant)
        self.recovered(merchant, "refunded")
        choose(merchant, replace(FIRST, after_return="revoke"), at=FAILED_AT + 5 * DAY)

        assert services.sweep(now=FAILED_AT + 9 * DAY) == 0


class TestByHand:
    @pytest.fixture
    def user(self):
        return UserFactory(email="ana@example.com")

    @pytest.fixture
    def row(self, merchant):
        return SubscriptionFactory(
            merchant=merchant,
            stripe_subscription_id="sub_1",
            stripe_customer_id="cus_1",
            stripe_product_id="prod_1",
        )

    def test_what_a_person_gives_back_is_not_taken_again_by_this_failure(self, merchant, row, user):
        choose(merchant, replace(FIRST, ladders=(LADDER,)))
        fail(merchant)
        go_on(FAILED_AT + 3 * DAY)
        services.grant(
            merchant=merchant, subscription_id="sub_1", user=user, now=FAILED_AT + 4 * DAY
        )

        go_on(FAILED_AT + 9 * DAY)

        assert state() == "granted"
        event = AccessEvent.objects.last()
        assert (event.actor, event.triggers_automations) == ("ana@example.com", True)
        assert AuditEntry.objects.filter(action="access.grant").exists()

    def test_a_persons_revoke_stays_when_it_is_paid(self, merchant, row, user):
        choose(merchant)
        fail(merchant)
        services.revoke(merchant=merchant, subscription_id="sub_1", user=user, now=FAILED_AT)

        pay(merchant)

        assert state() == "revoked"
        assert Access.objects.get().changed_by == "ana@example.com"
        row.refresh_from_db()
        assert row.access_by == "ana@example.com"
        assert [event.actor for event in AccessEvent.objects.all()] == ["Recoup", "ana@example.com"]

    def test_without_a_case(self, merchant, row, user):
        services.revoke(merchant=merchant, subscription_id="sub_1", user=user, now=FAILED_AT)
        with pytest.raises(services.NotNow):
            services.revoke(merchant=merchant, subscription_id="sub_1", user=user, now=FAILED_AT)
        row.refresh_from_db()
        assert (row.access, row.status) == ("revoked", "active")

        services.grant(merchant=merchant, subscription_id="sub_1", user=user, now=FAILED_AT)
        with pytest.raises(services.NotNow):
            services.grant(merchant=merchant, subscription_id="sub_1", user=user, now=FAILED_AT)

    def test_held_steps_wait_until_released(self, merchant, row, user):
        choose(merchant, replace(FIRST, grace_days=1))
        case = fail(merchant)
        services.hold(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT)
        go_on(FAILED_AT + 3 * DAY)
        assert state() == "granted"
        with pytest.raises(services.NotNow):
            services.hold(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT)

        services.release(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT + 3 * DAY)
        go_on(FAILED_AT + 3 * DAY)

        assert state() == "revoked"
        assert kinds(case) == ["access_planned", "access_held", "access_held", "access_revoked"]

    def test_another_merchants_subscription_is_not_there(self, merchant, row, user):
        other = MerchantFactory()

        with pytest.raises(Subscription.DoesNotExist):
            services.revoke(merchant=other, subscription_id="sub_1", user=user, now=FAILED_AT)
        with pytest.raises(RecoveryCase.DoesNotExist):
            services.hold(
                merchant=other,
                case_id=CaseFactory(merchant=merchant).pk,
                user=user,
                now=FAILED_AT,
            )


def past_due(merchant, count: int) -> list[RecoveryCase]:
    """Make open cases of so many customers, known to have failed and just looked at."""
    cases: list[RecoveryCase] = [
        CaseFactory(
            merchant=merchant,
            stripe_customer_id=f"cus_{number}",
            stripe_subscription_id=f"sub_{number}",
            checked_at=FAILED_AT + DAY,
        )
        for number in range(count)
    ]
    for case in cases:
        CaseEvent.objects.create(
            case=case,
            merchant=merchant,
            kind="opened",
            key="opened",
            at=FAILED_AT,
            text="Payment failed.",
            data={"counts_as_failure": True},
        )
    return cases


class TestSavingWithPeoplePastDue:
    def test_new_failures_only_leaves_them_even_when_a_later_try_fails(self, merchant):
        fail(merchant)
        choose(merchant, at=FAILED_AT + DAY)
        again = an_invoice(tries=(failed_try(), failed_try("ch_2", FAILED_AT + 2 * DAY)))

        fail(merchant, again, FAILED_AT + 2 * DAY)

        assert not Access.objects.exists()

    def test_revoke_and_save_takes_it_from_them_now(self, merchant):
        case = fail(merchant)
        CaseFactory(merchant=merchant, kind="one_off", stripe_customer_id="cus_9")
        CaseFactory(merchant=merchant, source="import", stripe_customer_id="cus_8")
        settings = choose(merchant, at=FAILED_AT + DAY, confirmed_count=1)

        go_on(FAILED_AT + DAY)

        assert settings.version == 1
        assert state() == "revoked"
        assert case.events.filter(kind="access_revoked").exists()

    def test_the_count_costs_few_queries_however_many_are_past_due(
        self, merchant, django_assert_max_num_queries
    ):
        past_due(merchant, 12)

        with django_assert_max_num_queries(4):
            effect = effect_on_open(merchant=merchant, rules=FIRST, now=FAILED_AT + DAY)

        assert effect.customers_now == 12

    def test_it_then_holds_for_them_when_their_tries_are_used_up(self, merchant):
        fail(merchant)
        used_up = AccessRules(revoke="tries_used_up")
        choose(merchant, used_up, at=FAILED_AT + DAY, confirmed_count=0)
        gone = replace(an_invoice(), status="uncollectible", given_up_at=FAILED_AT + 2 * DAY)

        fail(merchant, gone, FAILED_AT + 2 * DAY)

        assert state() == "revoked"

    def test_what_a_person_gave_back_during_the_case_stays(self, merchant):
        SubscriptionFactory(
            merchant=merchant,
            stripe_subscription_id="sub_1",
            stripe_customer_id="cus_1",
            stripe_product_id="prod_1",
        )
        fail(merchant)
        for act in (services.revoke, services.grant):
            act(
                merchant=merchant,
                subscription_id="sub_1",
                user=UserFactory(),
                now=FAILED_AT + HOUR,
            )
        choose(merchant, at=FAILED_AT + DAY, confirmed_count=0)

        again = an_invoice(tries=(failed_try(), failed_try("ch_2", FAILED_AT + 2 * DAY)))
        fail(merchant, again, FAILED_AT + 2 * DAY)

        assert state() == "granted"

    def test_a_run_goes_on_where_a_killed_worker_left_it(self, merchant):
        past_due(merchant, 5)
        choose(merchant, at=FAILED_AT + DAY, confirmed_count=5)
        run = AccessRun.objects.get()
        assert not AccessStep.objects.exists()

        assert services.plan_next(run_id=run.pk, now=FAILED_AT + DAY)
        assert services.plan_next(run_id=run.pk, now=FAILED_AT + DAY)
        assert AccessStep.objects.count() == 2
        assert services.plan_runs(now=FAILED_AT + DAY) == 3
        assert services.plan_runs(now=FAILED_AT + DAY) == 0

        assert AccessStep.objects.count() == 5
        run.refresh_from_db()
        assert (run.position, run.finished_at) == (5, FAILED_AT + DAY)

    def test_one_that_fails_holds_up_no_other(self, merchant, monkeypatch):
        first, *_ = past_due(merchant, 3)
        choose(merchant, at=FAILED_AT + DAY, confirmed_count=3)
        plan = planning.plan

        def stumble(*, case, **more):
            if case == first:
                raise ValueError("odd")
            return plan(case=case, **more)

        monkeypatch.setattr(opened, "plan", stumble)
        services.plan_runs(now=FAILED_AT + DAY)

        assert AccessStep.objects.count() == 2
        assert AccessRun.objects.unfinished().count() == 0

    def test_other_settings_end_a_run_and_the_same_do_not(self, merchant):
        past_due(merchant, 2)
        choose(merchant, at=FAILED_AT + DAY, confirmed_count=2)
        services.plan_next(run_id=AccessRun.objects.get().pk, now=FAILED_AT + DAY)

        choose(merchant, grant=False, at=FAILED_AT + DAY)
        assert AccessRun.objects.unfinished().exists()
        choose(merchant, AccessRules(revoke="never"), at=FAILED_AT + DAY)

        assert services.plan_runs(now=FAILED_AT + DAY) == 0
        assert AccessRun.objects.get().note == "Other settings were saved."
        go_on(FAILED_AT + DAY)
        assert not Access.objects.filter(state="revoked").exists()

    def test_what_came_of_it_is_told(self, merchant):
        cases = past_due(merchant, 4)
        choose(merchant, at=FAILED_AT + DAY, confirmed_count=4)
        progress = last_run(merchant=merchant, now=FAILED_AT + DAY)
        assert (progress.is_under_way, progress.done) == (True, 0)
        services.plan_runs(now=FAILED_AT + DAY)
        RecoveryCase.objects.filter(pk=cases[0].pk).update(
            status="recovered", end_reason="paid", closed_at=FAILED_AT + DAY
        )

        go_on(FAILED_AT + DAY)

        progress = last_run(merchant=merchant, now=FAILED_AT + DAY)
        assert not progress.is_under_way
        assert (progress.revoked, progress.spared, progress.later) == (3, 1, 0)
        assert last_run(merchant=merchant, now=FAILED_AT + 3 * DAY) is None

    def test_another_count_than_confirmed_saves_nothing(self, merchant):
        fail(merchant)

        with pytest.raises(services.CountChanged):
            choose(merchant, at=FAILED_AT + DAY, confirmed_count=2)

        assert services.settings_for(merchant).version == 0


def test_an_import_plans_nothing(merchant):
    choose(merchant)

    recovery.observe_invoice(
        merchant=merchant, invoice=an_invoice(), now=FAILED_AT, source="import"
    )
    go_on(FAILED_AT + DAY)

    assert not AccessStep.objects.exists()


def test_a_reopened_case_takes_access_again(merchant):
    choose(merchant)
    case = fail(merchant)
    pay(merchant)
    assert state() == "granted"

    back = an_invoice(tries=(failed_try(), failed_try("ch_paid", FAILED_AT + DAY)))
    fail(merchant, back, FAILED_AT + 4 * DAY)

    case.refresh_from_db()
    assert case.status == "open"
    assert state() == "revoked"


def test_the_settings_keep_grace_within_limits(merchant):
    settings = choose(merchant)
    settings.grace_days = 31

    with pytest.raises(IntegrityError), transaction.atomic():
        settings.save()


def test_the_database_refuses_a_step_planned_twice_or_settled_by_halves(merchant):
    choose(merchant, replace(FIRST, grace_days=5))
    fail(merchant)
    step = AccessStep.objects.get()

    twice = AccessStep(
        access=step.access, case=step.case, state=step.state, due_at=FAILED_AT, planned_at=FAILED_AT
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twice.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        AccessStep.objects.update(status="done", settled_at=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Access.objects.update(state="granted", revoked_by_case_id=1)
