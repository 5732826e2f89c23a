import pytest

from apps.dunning.presets import RECOMMENDED
from apps.retry_settings.models import RetrySettings
from apps.stripe_gateway import client
from tests.accounts.factories import MerchantFactory
from tests.recovery.builders import FAILED_AT
from tests.recovery.fake_stripe import FakeStripe

FAKED = (
    "read_invoice",
    "read_payment_method",
    "stop_stripe_retries",
    "pay_invoice",
    "cancel_subscription",
    "set_default_method",
    "pause_collection",
    "mark_uncollectible",
    "void_invoice",
)


@pytest.fixture
def stripe(monkeypatch) -> FakeStripe:
    fake = FakeStripe()
    for name in FAKED:
        monkeypatch.setattr(client, name, getattr(fake, name))
    return fake


@pytest.fixture
def merchant(db):
    """A merchant whose retries Recoup makes, by the recommended rules."""
    merchant = MerchantFactory()
    RetrySettings.objects.create(
        merchant=merchant, rules=RECOMMENDED.to_json(), updated_at=FAILED_AT
    )
    return merchant
