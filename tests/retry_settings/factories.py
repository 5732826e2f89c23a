import datetime as dt

import factory

from apps.dunning.presets import DAYS_3_5_7
from apps.retry_settings.models import RetryPolicy
from tests.accounts.factories import MerchantFactory


class RetryPolicyFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = RetryPolicy

    merchant = factory.SubFactory(MerchantFactory)
    name = factory.Sequence(lambda n: f"Segment {n}")
    position = factory.Sequence(lambda n: n + 1)
    segment = factory.LazyFunction(dict)
    rules = factory.LazyFunction(DAYS_3_5_7.to_json)
    updated_at = dt.datetime(2026, 11, 18, 15, tzinfo=dt.UTC)
