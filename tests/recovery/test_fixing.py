"""A better card: the field that failed is changed, once, and the newest invoice is charged."""

import datetime as dt
from dataclasses import replace

import pytest

from apps.accounts.models import Merchant
from apps.dunning.facts import Decline, Method
from apps.recovery import services
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.services.fixing import field_to_fix
from apps.stripe_gateway.errors import BadRequest, OutcomeUnknown, PaymentDeclined
from apps.stripe_gateway.facts import CustomerFacts
from tests.recovery.builders import DAY, FAILED_AT, HOUR, VISA, an_invoice, failed_try, paid
from tests.recovery.factories import CaseFactory

Trigger, Kind = Attempt.Trigger, CaseEvent.Kind

NEW = Method(
    reference="pm_new", brand="mastercard", last4="4444", fingerprint="fp_new", country="US"
)
STOLEN = Decline(code="card_declined", decline_code="stolen_card")
FIXED_AT = FAILED_AT + DAY


@pytest.fixture
def case(merchant, stripe) -> RecoveryCase:
    """A stolen card: the case waits for another one."""
    stripe.invoice = an_invoice(
        tries=(failed_try(decline=STOLEN),), method_field="subscription.default_payment_method"
    )
    stripe.methods = {"pm_new": (NEW, "cus_1")}
    case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
    assert case.next_step == "new_card"
    return case


def fix(merchant, *, method_id="pm_new", trigger=Trigger.METHOD_CHANGED, now=FIXED_AT, actor=""):
    return services.fix_and_collect(
        merchant=merchant,
        stripe_customer_id="cus_1",
        payment_method_id=method_id,
        trigger=trigger,
        actor=actor,
        now=now,
    )


def carry_out(fixed, stripe, *answers, now=FIXED_AT) -> Attempt:
    stripe.now, stripe.answers = now, list(answers)
    services.carry_out(attempt_id=fixed.attempt_id, now=now)
    return Attempt.objects.select_related("case").get(pk=fixed.attempt_id)


@pytest.mark.parametrize("trigger", [Trigger.METHOD_CHANGED, Trigger.LINK])
def test_the_field_that_failed_is_changed_and_the_invoice_is_charged(
    merchant, case, stripe, trigger
):
    fixed = fix(merchant, trigger=trigger)
    attempt = carry_out(fixed, stripe, "paid")

    [(field, owner, method, _)] = stripe.fixes
    assert (field, owner, method) == ("subscription.default_payment_method", "sub_1", "pm_new")
    assert (attempt.status, attempt.trigger) == ("succeeded", trigger)
    assert attempt.case.status == "recovered"
    assert attempt.case.retries_made == 0, "it spends no step"
    assert len(stripe.pays) == 1
    assert not attempt.case.fix


def test_the_timeline_says_it_in_one_line(merchant, case, stripe):
    merchant.time_zone = "America/New_York"
    merchant.save()
    attempt = carry_out(fix(merchant), stripe, "paid", now=FIXED_AT + dt.timedelta(minutes=1))

    line = attempt.case.events.get(kind=Kind.RECOVERED)
    assert line.text == "Fixed by the customer at 09:00, paid 09:01."
    assert line.data["trigger"] == "method_changed"
    noted = attempt.case.events.get(kind=Kind.METHOD_CHANGED)
    assert noted.text == (
        "Mastercard •••• 4444 replaces the card that failed, as the card of the subscription."
    )


def test_the_wish_is_committed_with_its_key_before_it_is_sent(merchant, case, stripe):
    stripe.fix_errors = [OutcomeUnknown("timeout")]

    with pytest.raises(OutcomeUnknown):
        fix(merchant)

    case.refresh_from_db()
    assert case.fix["key"] == stripe.fixes[0][3]
    assert not stripe.pays
    assert services.repeat_fixes(now=FIXED_AT + HOUR) == 1
    case.refresh_from_db()
    assert [key for *_, key in stripe.fixes] == [stripe.fixes[0][3]] * 2, "the same key again"
    assert (case.fix, case.next_step) == ({}, "retry")
    assert case.attempts.get(status="scheduled").trigger == Trigger.METHOD_CHANGED


def test_called_twice_it_charges_once(merchant, case, stripe):
    first = fix(merchant)
    second = fix(merchant, trigger=Trigger.LINK)
    carry_out(first, stripe, "paid")
    third = fix(merchant, trigger=Trigger.LINK)

    assert (second.attempt_id, second.why_not) == (None, "A charge is under way already.")
    assert (third.attempt_id, third.case_ids) == (None, ())
    assert len(stripe.fixes) == len(stripe.pays) == 1


def test_a_new_card_that_fails_goes_on_with_the_ladder_where_it_was(merchant, stripe):
    stripe.invoice = an_invoice(method_field="customer.invoice_settings.default_payment_method")
    stripe.methods = {"pm_new": (NEW, "cus_1")}
    case = services.observe_invoice(merchant=merchant, invoice=stripe.invoice, now=FAILED_AT)
    planned = case.attempts.get().due_at

    declined = PaymentDeclined(Decline("card_declined", "insufficient_funds"), "ch_2", "pi_1")
    carry_out(fix(merchant), stripe, declined)

    case.refresh_from_db()
    following = case.attempts.get(status="scheduled")
    assert following.due_at == planned, "a try outside the schedule moves nothing"
    assert (following.trigger, case.retries_made) == ("schedule", 0)


def test_a_payment_method_of_somebody_else_changes_nothing(merchant, case, stripe):
    stripe.methods["pm_new"] = (NEW, "cus_other")

    fixed = fix(merchant, trigger=Trigger.LINK)

    assert fixed.why_not == "This payment method does not belong to the customer."
    assert not stripe.fixes


def test_a_refused_card_is_dropped_and_said(merchant, case, stripe):
    stripe.fix_errors = [BadRequest("resource_missing", "No such PaymentMethod")]

    fixed = fix(merchant)

    case.refresh_from_db()
    assert (fixed.attempt_id, case.fix) == (None, {})
    assert case.events.filter(text__startswith="Stripe refused the new card").exists()


def test_while_charging_is_off_the_wish_waits(merchant, case, stripe):
    Merchant.objects.update(charging_on=False)

    fix(merchant)
    assert (stripe.fixes, services.repeat_fixes(now=FIXED_AT + HOUR)) == ([], 0)

    Merchant.objects.update(charging_on=True)
    assert services.repeat_fixes(now=FIXED_AT + HOUR) == 1
    assert len(stripe.fixes) == 1


def test_what_stripe_retries_is_left_to_stripe_unless_the_customer_asked(merchant, case, stripe):
    RecoveryCase.objects.update(
        engine="stripe", takeover="none", rules={**case.rules, "engine": "stripe"}
    )
    assert fix(merchant).case_ids == ()

    asked = fix(merchant, trigger=Trigger.LINK, actor="sofia@example.com")

    attempt = carry_out(asked, stripe, "paid")
    assert (attempt.asked_by, attempt.case.status) == ("sofia@example.com", "recovered")


def test_the_newest_invoice_is_charged_and_older_ones_are_offered(merchant, case, stripe):
    older = CaseFactory(
        merchant=merchant,
        stripe_customer_id="cus_1",
        stripe_subscription_id="sub_1",
        failed_at=FAILED_AT - 30 * DAY,
    )

    fixed = fix(merchant)

    assert Attempt.objects.get(pk=fixed.attempt_id).case == case
    assert fixed.offered == (older.pk,)


def test_of_a_payment_plan_the_oldest_instalment_comes_first(merchant, case, stripe):
    RecoveryCase.objects.update(kind="payment_plan")
    older = CaseFactory(
        merchant=merchant,
        kind="payment_plan",
        stripe_invoice_id="in_0",
        stripe_customer_id="cus_1",
        stripe_subscription_id="sub_1",
        failed_at=FAILED_AT - 30 * DAY,
    )

    fixed = fix(merchant, trigger=Trigger.LINK)

    assert Attempt.objects.get(pk=fixed.attempt_id).case == older


class TestTheField:
    OLD = "customer.default_source"

    @pytest.mark.parametrize(
        "field",
        [
            "subscription.default_payment_method",
            "subscription.default_source",
            "customer.invoice_settings.default_payment_method",
            "customer.default_source",
        ],
    )
    def test_each_of_the_four_is_found(self, field):
        assert field_to_fix(invoice=an_invoice(method_field=field), method=NEW) == field

    def test_without_any_method_the_customers_default_is_set(self):
        invoice = an_invoice(method=None, tries=())

        field = field_to_fix(invoice=invoice, method=NEW)

        assert field == "customer.invoice_settings.default_payment_method"

    @pytest.mark.parametrize(
        ("invoice", "method"),
        [
            (an_invoice(method=NEW, method_field=OLD), NEW),
            (an_invoice(method_field=OLD), VISA),
            (an_invoice(method=replace(NEW, reference="pm_3"), method_field=OLD), NEW),
            (paid(an_invoice(method_field=OLD), FAILED_AT), NEW),
        ],
        ids=["there already", "failed here itself", "chosen after the failure", "paid"],
    )
    def test_otherwise_nothing_is_touched(self, invoice, method):
        assert field_to_fix(invoice=invoice, method=method) == ""


def test_the_customers_new_default_replaces_the_card_that_failed(merchant, case, stripe):
    stripe.invoice = replace(stripe.invoice, customer=CustomerFacts(id="cus_1", default_method=NEW))

    fixed = fix(merchant, method_id="")

    assert stripe.fixes[0][:3] == ("subscription.default_payment_method", "sub_1", "pm_new")
    assert fixed.attempt_id is not None


def test_every_trigger_says_whether_it_spends_a_step():
    assert set(Attempt.SPENDS_STEP) == set(Trigger)
    assert [one for one, spends in Attempt.SPENDS_STEP.items() if spends] == [Trigger.SCHEDULE]
