import datetime as dt

import factory

from apps.customers.models import Customer
from tests.accounts.factories import MerchantFactory


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    merchant = factory.SubFactory(MerchantFactory)
    stripe_customer_id = factory.Sequence(lambda n: f"cus_{n:06}")
    name = "Sofia Rossi"
    email = "sofia@example.org"
    read_at = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
