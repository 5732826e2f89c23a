"""Beat and a worker send webhooks by themselves, and tell a change of access within a minute."""

import json
import time

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from apps.customer_payments import services as customer_payments
from apps.integrations import services as integrations
from apps.integrations.models import Delivery
from tests.accounts.factories import MembershipFactory
from tests.integrations.traps import trap
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.processes


def test_a_persons_revoke_reaches_the_merchants_server_signed(stage):
    membership = MembershipFactory()
    merchant, user = membership.merchant, membership.user
    row = SubscriptionFactory(merchant=merchant)
    stage.start_all()

    with trap() as receiver:
        _, secret = integrations.add_endpoint(
            merchant=merchant, url=receiver.url, events=[], user=user, now=timezone.now()
        )
        started = time.monotonic()
        customer_payments.revoke(
            merchant=merchant,
            subscription_id=row.stripe_subscription_id,
            user=user,
            now=timezone.now(),
        )
        stage.wait_until(lambda: receiver.requests, what="the webhook")
        took = time.monotonic() - started
        stage.wait_until(
            lambda: Delivery.objects.filter(status="delivered").exists(), what="the record of it"
        )

    payload = Webhook(secret).verify(receiver.body, receiver.headers)
    print(f"The webhook arrived after {took:.1f} s.")
    assert payload == json.loads(receiver.body)
    assert payload["type"] == "access.revoked"
    assert payload["data"]["customer"] == row.stripe_customer_id
    assert len(receiver.requests) == 1
