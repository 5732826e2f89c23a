import datetime as dt

import factory

from apps.customer_payments.models import Access, AccessEvent, AccessStep
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import CaseFactory

SUNDAY_NOON = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)


class AccessFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Access

    merchant = factory.SubFactory(MerchantFactory)
    stripe_customer_id = factory.Sequence(lambda n: f"cus_{n:06}")
    stripe_product_id = "prod_1"
    stripe_subscription_id = factory.Sequence(lambda n: f"sub_{n:06}")
    changed_at = SUNDAY_NOON


class AccessEventFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AccessEvent

    access = factory.SubFactory(AccessFactory)
    state = Access.State.REVOKED
    at = SUNDAY_NOON
    actor = "Recoup"
    reason = "The payment failed."


class AccessStepFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AccessStep

    access = factory.SubFactory(AccessFactory)
    case = factory.SubFactory(CaseFactory)
    state = AccessStep.State.REVOKED
    due_at = SUNDAY_NOON
    planned_at = SUNDAY_NOON
    why = "The payment failed."
