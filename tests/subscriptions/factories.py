import datetime as dt

import factory

from apps.subscriptions.models import Subscription
from tests.accounts.factories import MerchantFactory

SUNDAY_NOON = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)


class SubscriptionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Subscription

    merchant = factory.SubFactory(MerchantFactory)
    stripe_subscription_id = factory.Sequence(lambda n: f"sub_{n:06}")
    stripe_customer_id = factory.Sequence(lambda n: f"cus_{n:06}")
    customer_name = "Sofia Rossi"
    customer_email = "sofia@example.org"
    offer_name = "Studio Membership"
    status = Subscription.Status.ACTIVE
    amount_minor = 14900
    currency = "usd"
    interval = "month"
    started_at = SUNDAY_NOON - dt.timedelta(days=90)
    next_payment_at = SUNDAY_NOON + dt.timedelta(days=20)
    access = Subscription.Access.GRANTED
    access_by = "Recoup"
    read_at = SUNDAY_NOON

    class Params:
        past_due = factory.Trait(
            status=Subscription.Status.PAST_DUE,
            case_status="open",
            next_step="retry",
            next_try_at=SUNDAY_NOON + dt.timedelta(days=3),
            amount_due_minor=14900,
            past_due_since=SUNDAY_NOON - dt.timedelta(days=1),
            access=Subscription.Access.REVOKED,
        )
