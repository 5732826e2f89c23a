import factory

from apps.analytics.models import Alert
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import SUNDAY_NOON


class AlertFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Alert

    merchant = factory.SubFactory(MerchantFactory)
    kind = "silent_webhooks"
    text = "No event has arrived from Stripe for 30 hours."
    todo = "Check the endpoint."
    is_critical = True
    found_at = SUNDAY_NOON
    seen_at = SUNDAY_NOON
