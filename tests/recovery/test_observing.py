"""What a read means for a case: whether it opens, what is noted, how it ends."""

from dataclasses import replace

import pytest

from apps.dunning.facts import Decline
from apps.recovery import services
from apps.recovery.models import CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event
from apps.stripe_gateway.errors import AccessDenied, OutcomeUnknown
from tests.accounts.factories import MerchantFactory
from tests.recovery.builders import (
    DAY,
    FAILED_AT,
    HOUR,
    a_subscription,
    an_invoice,
    failed_try,
    paid,
    taken_over,
)
from tests.recovery.factories import CaseFactory

Kind = CaseEvent.Kind


def observe(merchant, invoice, now=FAILED_AT, **kwargs) -> RecoveryCase | None:
    return services.observe_invoice(merchant=merchant, invoice=invoice, now=now, **kwargs)


class TestOpening:
    def test_a_failed_renewal_opens_a_case_and_takes_over_at_once(self, merchant, stripe):
        case = observe(merchant, stripe.invoice)

        assert case.status == "open"
        assert case.kind == RecoveryCase.Kind.SUBSCRIPTION
        assert case.takeover == RecoveryCase.Takeover.CONFIRMED
        assert case.next_step == RecoveryCase.Step.RETRY
        assert case.next_try_at == case.attempts.get().due_at
        assert case.reasons[0]["text"]

    def test_without_a_choice_stripe_goes_on_and_nothing_is_touched(self, db, stripe):
        case = observe(MerchantFactory(), stripe.invoice)

        assert case.engine == RecoveryCase.Engine.STRIPE
        assert case.next_try_at == stripe.invoice.next_payment_attempt
        assert stripe.takeovers == []
        assert not case.attempts.exists()

    def test_if_stripe_refuses_the_takeover_the_case_is_watched_and_says_so(self, merchant, stripe):
        stripe.takeover_errors = [AccessDenied("permission")]

        case = observe(merchant, stripe.invoice)

        assert case.engine == RecoveryCase.Engine.STRIPE
        assert case.events.filter(kind=Kind.TAKEOVER_REFUSED).exists()
        observe(merchant, stripe.invoice, FAILED_AT + HOUR)
        assert not case.attempts.filter(status="scheduled").exists()

    @pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
    def test_a_first_purchase_that_fails_opens_nothing(self, merchant, stripe, status):
        invoice = an_invoice(
            billing_reason="subscription_create", subscription=a_subscription(status=status)
        )

        assert observe(merchant, invoice) is None
        assert Try.objects.count() == 1

    def test_a_one_off_invoice_has_a_case_of_its_own_kind(self, merchant, stripe):
        stripe.invoice = an_invoice(subscription=None)

        assert observe(merchant, stripe.invoice).kind == RecoveryCase.Kind.ONE_OFF

    def test_a_payment_plan_is_known_as_one(self, merchant, stripe):
        stripe.invoice = an_invoice(subscription=a_subscription(installments_total=6))

        assert observe(merchant, stripe.invoice).kind == RecoveryCase.Kind.PAYMENT_PLAN

    @pytest.mark.parametrize(
        "invoice",
        [
            an_invoice(status="draft"),
            an_invoice(collection_method="send_invoice"),
            an_invoice(tries=(), attempt_count=0),
            an_invoice(tries=(), processing=True),
            paid(an_invoice(tries=()), FAILED_AT),
        ],
        ids=["draft", "sent", "not tried", "processing", "paid at once"],
    )
    def test_no_failure_no_case(self, merchant, stripe, invoice):
        assert observe(merchant, invoice) is None

    def test_voided_before_anybody_looked_it_shows_its_tries_and_opens_nothing(
        self, merchant, stripe
    ):
        assert observe(merchant, replace(stripe.invoice, status="void")) is None
        assert Try.objects.get().status == "failed"

    def test_no_card_on_file_opens_a_case_that_waits(self, merchant, stripe):
        stripe.invoice = an_invoice(tries=(), method=None)

        assert observe(merchant, stripe.invoice).next_step == RecoveryCase.Step.NO_METHOD

    def test_an_imported_failure_is_watched_in_silence(self, merchant, stripe):
        case = observe(merchant, stripe.invoice, source="import")

        assert case.engine == RecoveryCase.Engine.STRIPE
        assert stripe.takeovers == []
        assert all(case.events.values_list("is_silent", flat=True))


class TestRepeats:
    def test_the_same_read_twice_changes_nothing(self, merchant, stripe):
        observe(merchant, stripe.invoice)
        before = list(CaseEvent.objects.values_list("key", flat=True))

        observe(merchant, stripe.invoice, FAILED_AT + HOUR)

        assert list(CaseEvent.objects.values_list("key", flat=True)) == before
        assert Try.objects.count() == 1
        assert RecoveryCase.objects.get().attempts.count() == 1

    def test_an_older_read_never_takes_a_settled_try_back(self, merchant, stripe):
        pending = replace(failed_try(), status="pending", decline=None)
        observe(merchant, stripe.invoice)

        observe(merchant, an_invoice(tries=(pending,)))

        assert Try.objects.get().status == "failed"

    def test_success_seen_before_the_failure_ends_the_same(self, merchant, stripe):
        case = observe(merchant, paid(stripe.invoice, FAILED_AT + DAY), FAILED_AT + DAY)

        assert (case.status, case.failed_at) == ("recovered", FAILED_AT)
        assert stripe.takeovers == []

    def test_stripes_counter_without_a_charge_is_no_decline(self, db, stripe):
        merchant = MerchantFactory()
        lost = failed_try(decline=Decline("card_declined", "lost_card"))
        case = observe(merchant, an_invoice(tries=(lost,)))

        observe(merchant, an_invoice(tries=(lost,), attempt_count=3), FAILED_AT + 5 * DAY)

        assert case.events.filter(kind=Kind.STRIPE_SCHEDULED).count() == 2
        assert case.events.filter(kind=Kind.TRY_FAILED).count() == 1


class TestEnding:
    @pytest.mark.parametrize(
        ("change", "status", "reason"),
        [
            ({"status": "void"}, "lost", "voided"),
            ({"status": "uncollectible"}, "lost", "uncollectible"),
            (
                {
                    "subscription": a_subscription(
                        status="canceled", cancellation_reason="payment_failed"
                    )
                },
                "lost",
                "canceled_for_nonpayment",
            ),
            (
                {
                    "subscription": a_subscription(
                        status="canceled", cancellation_reason="cancellation_requested"
                    )
                },
                "stopped",
                "canceled_by_customer",
            ),
            ({"status": "paid", "paid_out_of_band": True}, "stopped", "paid_elsewhere"),
        ],
    )
    def test_ends_as_stripe_says(self, merchant, stripe, change, status, reason):
        case = observe(merchant, stripe.invoice)

        observe(merchant, replace(taken_over(stripe.invoice), **change), FAILED_AT + DAY)

        case.refresh_from_db()
        assert (case.status, case.end_reason) == (status, reason)
        assert case.next_try_at is None
        assert case.attempts.get().skip_reason == "case_closed"

    def test_a_subscription_we_canceled_for_another_invoice_is_no_wish_of_the_customers(
        self, merchant, stripe
    ):
        case = observe(merchant, stripe.invoice)
        other = CaseFactory(
            merchant=merchant,
            stripe_subscription_id="sub_1",
            status="lost",
            end_reason="tries_used_up",
            closed_at=FAILED_AT + DAY,
        )
        append_event(
            case=other,
            kind=Kind.FINAL_ACTION,
            key="final_action:1",
            at=FAILED_AT + DAY,
            text="Tries used up.",
            data={"action": "cancel"},
        )
        ended = a_subscription(status="canceled", cancellation_reason="cancellation_requested")

        observe(merchant, replace(stripe.invoice, subscription=ended), FAILED_AT + DAY)

        case.refresh_from_db()
        assert (case.status, case.end_reason) == ("lost", "canceled_for_nonpayment")

    def test_the_end_of_a_payment_plan_ends_no_case(self, merchant, stripe):
        case = observe(merchant, stripe.invoice)
        ended = a_subscription(
            status="canceled",
            cancellation_reason="cancellation_requested",
            installments_total=3,
            ran_to_its_end=True,
        )

        observe(merchant, replace(taken_over(stripe.invoice), subscription=ended), FAILED_AT + DAY)

        case.refresh_from_db()
        assert (case.status, case.next_step) == ("open", "retry")

    def test_a_payment_by_the_customer_recovers_the_case(self, merchant, stripe):
        case = observe(merchant, stripe.invoice)

        observe(merchant, paid(stripe.invoice, FAILED_AT + DAY), FAILED_AT + DAY + HOUR)

        case.refresh_from_db()
        assert (case.status, case.closed_at) == ("recovered", FAILED_AT + DAY)
        assert case.events.get(kind=Kind.RECOVERED).data["attempt"] is None

    def test_a_lost_invoice_that_is_paid_after_all_is_recovered(self, merchant, stripe):
        case = observe(merchant, stripe.invoice)
        observe(merchant, replace(stripe.invoice, status="uncollectible"), FAILED_AT + DAY)

        observe(merchant, paid(stripe.invoice, FAILED_AT + 9 * DAY), FAILED_AT + 9 * DAY)

        case.refresh_from_db()
        assert (case.status, case.end_reason) == ("recovered", "paid")

    def test_a_payment_the_bank_takes_back_opens_the_case_again(self, merchant, stripe):
        case = observe(merchant, stripe.invoice)
        observe(merchant, paid(stripe.invoice, FAILED_AT + DAY), FAILED_AT + DAY)

        bounced = failed_try("ch_paid", FAILED_AT + DAY)
        observe(
            merchant,
            replace(taken_over(stripe.invoice), tries=(failed_try(), bounced)),
            FAILED_AT + 4 * DAY,
        )

        case.refresh_from_db()
        assert case.status == "open"
        assert case.recovered_minor == 0

    def test_a_read_that_a_payment_overtook_changes_nothing(self, merchant, stripe):
        case = observe(merchant, stripe.invoice)
        asked_before = stripe.invoice
        observe(merchant, paid(stripe.invoice, FAILED_AT + DAY), FAILED_AT + DAY)

        observe(merchant, asked_before, FAILED_AT + DAY + HOUR)

        case.refresh_from_db()
        assert case.status == "recovered"
        assert not case.events.filter(kind=Kind.REOPENED).exists()


class TestGivingUp:
    @pytest.fixture
    def over(self, merchant, stripe):
        """Give a case whose customer did nothing until the time of its schedule was over."""
        stripe.invoice = an_invoice(
            tries=(failed_try(decline=Decline("card_declined", "lost_card")),)
        )
        case = observe(merchant, stripe.invoice)
        read_due(FAILED_AT + 40 * DAY)
        return case

    def finish(self, case, now=FAILED_AT + 40 * DAY):
        for case_id in services.cases_to_finish(now=now):
            services.finish_case(case_id=case_id, now=now)
        case.refresh_from_db()
        return case

    def set_action(self, case, action):
        RecoveryCase.objects.filter(pk=case.pk).update(rules={**case.rules, "final_action": action})

    def test_waiting_ends_and_the_case_is_lost(self, over, stripe):
        self.finish(over)

        assert (over.status, over.end_reason) == ("lost", "tries_used_up")
        assert stripe.canceled == []

    def test_cancel_cancels_the_subscription_once(self, merchant, stripe):
        stripe.invoice = an_invoice(
            tries=(failed_try(decline=Decline("card_declined", "lost_card")),)
        )
        case = observe(merchant, stripe.invoice)
        self.set_action(case, "cancel")
        read_due(FAILED_AT + 40 * DAY)
        stripe.cancel_errors = [OutcomeUnknown("timed out")]

        self.finish(case)
        assert case.status == "open"
        self.finish(case, FAILED_AT + 41 * DAY)
        self.finish(case, FAILED_AT + 42 * DAY)

        assert case.status == "lost"
        assert [one[0] for one in stripe.canceled] == ["sub_1"]

    def test_money_that_came_in_at_the_last_moment_wins(self, over, stripe):
        stripe.invoice = paid(stripe.invoice, FAILED_AT + 39 * DAY)

        self.finish(over)

        assert over.status == "recovered"


class TestPeople:
    def test_stop_and_reopen(self, merchant, stripe, django_user_model):
        user = django_user_model.objects.create_user("ana@example.com")
        case = observe(merchant, stripe.invoice)

        services.stop_case(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT + HOUR)
        case.refresh_from_db()
        assert (case.status, case.end_reason) == ("stopped", "stopped_by_person")

        services.reopen(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT + DAY)
        case.refresh_from_db()
        assert case.status == "open"
        assert case.attempts.filter(status="scheduled").count() == 1
        assert list(merchant.audit_entries.values_list("action", flat=True)) == [
            "case.reopen",
            "case.stop",
        ]

    def test_a_lost_case_is_not_opened_by_hand(self, merchant, stripe, django_user_model):
        user = django_user_model.objects.create_user("ana@example.com")
        case = observe(merchant, stripe.invoice)
        observe(merchant, replace(stripe.invoice, status="void"), FAILED_AT + HOUR)

        with pytest.raises(services.NotNow):
            services.reopen(merchant=merchant, case_id=case.pk, user=user, now=FAILED_AT + DAY)


def test_a_changed_card_is_tried_at_once(merchant, stripe):
    lost = failed_try(decline=Decline("card_declined", "lost_card"))
    stripe.invoice = an_invoice(tries=(lost,))
    case = observe(merchant, stripe.invoice)
    new_card = replace(stripe.invoice.method, reference="pm_new", fingerprint="fp_new")
    stripe.invoice = replace(stripe.invoice, method=new_card)

    observe(merchant, stripe.invoice, FAILED_AT + DAY)

    attempt = case.attempts.get(status="scheduled")
    assert attempt.due_at == FAILED_AT + DAY
    assert not attempt.uses_step


def test_a_case_whose_time_to_decide_has_come_is_given_to_one_reader(merchant, stripe):
    case = observe(merchant, stripe.invoice)
    later = case.decide_by + HOUR

    assert services.cases_to_read(now=case.decide_by - HOUR) == []
    assert services.cases_to_read(now=later) == [case]
    assert services.cases_to_read(now=later) == []
    assert services.cases_to_read(now=later + HOUR) == [case]


def read_due(now) -> None:
    for case in services.cases_to_read(now=now):
        services.refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
