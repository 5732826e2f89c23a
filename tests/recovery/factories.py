import datetime as dt

import factory

from apps.dunning.presets import RECOMMENDED
from apps.recovery.models import RecoveryCase
from tests.accounts.factories import MerchantFactory

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
