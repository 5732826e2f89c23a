import datetime as dt
import uuid

import factory

from apps.dunning.presets import RECOMMENDED
from apps.recovery.models import BulkRun, RecoveryCase, Try
from tests.accounts.factories import MerchantFactory, UserFactory

SUNDAY_NOON = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)


class CaseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RecoveryCase

    merchant = factory.SubFactory(MerchantFactory)
    stripe_invoice_id = factory.Sequence(lambda n: f"in_case_{n:06}")
    kind = RecoveryCase.Kind.SUBSCRIPTION
    amount_due_minor = 14900
    currency = "usd"
    failed_at = SUNDAY_NOON
    opened_at = SUNDAY_NOON
    engine = RecoveryCase.Engine.RECOUP
    takeover = RecoveryCase.Takeover.CONFIRMED
    rules = factory.LazyFunction(RECOMMENDED.to_json)


class TryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Try

    merchant = factory.SubFactory(MerchantFactory)
    stripe_charge_id = factory.Sequence(lambda n: f"ch_{n:06}")
    stripe_payment_intent_id = factory.Sequence(lambda n: f"pi_{n:06}")
    at = SUNDAY_NOON
    status = Try.Status.FAILED
    amount_minor = 14900
    amount_due_minor = 14900
    amount_remaining_minor = 14900
    currency = "usd"
    method_type = "card"
    method_brand = "visa"
    method_last4 = "3119"
    failure_code = "card_declined"
    decline_code = "insufficient_funds"


class BulkRunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = BulkRun

    merchant = factory.SubFactory(MerchantFactory)
    user = factory.SubFactory(UserFactory)
    verb = BulkRun.Verb.RETRY
    key = factory.LazyFunction(uuid.uuid4)
    asked_at = SUNDAY_NOON
    good_until = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    moved_at = factory.LazyFunction(lambda: dt.datetime.now(dt.UTC))
