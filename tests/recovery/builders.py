"""Facts as a read of Stripe would give them, with a failed $149 renewal as the default."""

import datetime as dt
from dataclasses import replace

from apps.dunning.facts import Decline, Method
from apps.dunning.money import Money
from apps.stripe_gateway.facts import InvoiceFacts, SubscriptionFacts, TryFacts

# A Monday, 9:00 in New York.
FAILED_AT = dt.datetime(2026, 11, 2, 14, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
AMOUNT = Money(14900, "usd")
VISA = Method(reference="pm_visa", brand="visa", last4="3119", fingerprint="fp_visa", country="US")
NO_FUNDS = Decline(code="card_declined", decline_code="insufficient_funds")


def failed_try(charge_id="ch_first", at=FAILED_AT, decline=NO_FUNDS, method=VISA) -> TryFacts:
    return TryFacts(
        charge_id=charge_id,
        payment_intent_id="pi_1",
        at=at,
        status="failed",
        amount=AMOUNT,
        method=method,
        decline=decline,
    )


def paid_try(charge_id="ch_paid", at=FAILED_AT) -> TryFacts:
    return replace(failed_try(charge_id, at), status="succeeded", decline=None)


def a_subscription(**changes) -> SubscriptionFacts:
    return replace(
        SubscriptionFacts(
            id="sub_1",
            customer_id="cus_1",
            status="past_due",
            offer_name="Studio Membership",
            product_id="prod_1",
            amount=AMOUNT,
            interval="month",
            interval_count=1,
            started_at=FAILED_AT - 90 * DAY,
            current_period_end=FAILED_AT + 30 * DAY,
        ),
        **changes,
    )


def an_invoice(**changes) -> InvoiceFacts:
    subscription = changes.pop("subscription", a_subscription())
    return replace(
        InvoiceFacts(
            id="in_1",
            status="open",
            customer_id="cus_1",
            subscription_id=subscription.id if subscription else "",
            collection_method="charge_automatically",
            billing_reason="subscription_cycle" if subscription else "manual",
            auto_advance=True,
            attempt_count=1,
            next_payment_attempt=FAILED_AT + 3 * DAY,
            amount_due=AMOUNT,
            amount_remaining=AMOUNT,
            amount_paid=Money(0, "usd"),
            created_at=FAILED_AT - HOUR,
            livemode=False,
            offer_name="Studio Membership",
            product_id="prod_1",
            tries=(failed_try(),),
            method=VISA,
            subscription=subscription,
        ),
        **changes,
    )


def taken_over(invoice: InvoiceFacts) -> InvoiceFacts:
    return replace(invoice, auto_advance=False, next_payment_attempt=None)


def paid(invoice: InvoiceFacts, at: dt.datetime, charge_id="ch_paid") -> InvoiceFacts:
    return replace(
        invoice,
        status="paid",
        paid_at=at,
        amount_remaining=Money(0, "usd"),
        amount_paid=invoice.amount_due,
        tries=(*invoice.tries, paid_try(charge_id, at)),
        subscription=replace(invoice.subscription, status="active")
        if invoice.subscription
        else None,
    )
