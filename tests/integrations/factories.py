import datetime as dt
import uuid

import factory

from apps.integrations.models import ApiToken, Delivery, EventKind, OutgoingEvent, WebhookEndpoint
from apps.integrations.secrets import digest_of
from tests.accounts.factories import MerchantFactory

SUNDAY_NOON = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)


class ApiTokenFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ApiToken

    class Params:
        token = factory.Sequence(lambda n: f"recoup_token_{n}")

    merchant = factory.SubFactory(MerchantFactory)
    name = "Course site"
    digest = factory.LazyAttribute(lambda row: digest_of(row.token))
    hint = factory.LazyAttribute(lambda row: row.token[-4:])
    created_at = SUNDAY_NOON
    created_by = "ana@example.com"


class WebhookEndpointFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = WebhookEndpoint

    merchant = factory.SubFactory(MerchantFactory)
    url = "http://localhost:9/hooks"
    created_at = SUNDAY_NOON
    created_by = "ana@example.com"


class OutgoingEventFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OutgoingEvent

    merchant = factory.SubFactory(MerchantFactory)
    source = factory.LazyFunction(lambda: f"test:{uuid.uuid4()}")
    kind = EventKind.TEST
    payload = factory.LazyFunction(lambda: {"type": "test"})
    at = SUNDAY_NOON


class DeliveryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Delivery

    endpoint = factory.SubFactory(WebhookEndpointFactory)
    event = factory.SubFactory(OutgoingEventFactory)
    next_at = SUNDAY_NOON
    created_at = SUNDAY_NOON
