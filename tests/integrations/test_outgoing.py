"""What happened to cases and access, told to receivers: each event once, silent ones never."""

import json
from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction
from standardwebhooks.webhooks import Webhook

from apps.accounts.models import AuditEntry
from apps.customer_payments import services as customer_payments
from apps.dunning.access import AccessRules, Ladder, Step
from apps.integrations import services
from apps.integrations.models import Delivery, EventKind, OutgoingEvent, WebhookEndpoint
from apps.integrations.secrets import signing_secret
from apps.integrations.services.deliveries import FAILING_FOR, WAITS
from apps.reactions import services as reactions
from apps.recovery import services as recovery
from apps.recovery.models import CaseEvent
from tests.accounts.factories import MerchantFactory, UserFactory
from tests.integrations.factories import (
    ApiTokenFactory,
    DeliveryFactory,
    OutgoingEventFactory,
    WebhookEndpointFactory,
)
from tests.integrations.traps import trap
from tests.recovery.builders import DAY, FAILED_AT, HOUR, an_invoice, paid
from tests.recovery.conftest import merchant, stripe
from tests.subscriptions.factories import SubscriptionFactory

__all__ = ["merchant", "stripe"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stripe")]


def revoke_on_failure(merchant, details=None) -> None:
    customer_payments.save_settings(
        merchant=merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        details=details,
        expected_version=0,
        user=None,
        now=FAILED_AT - DAY,
    )


def fail(merchant, source="live"):
    case = recovery.observe_invoice(
        merchant=merchant, invoice=an_invoice(), now=FAILED_AT, source=source
    )
    reactions.deliver(now=FAILED_AT)
    return case


def pay(merchant, at=FAILED_AT + DAY) -> None:
    recovery.observe_invoice(merchant=merchant, invoice=paid(an_invoice(), at), now=at)
    reactions.deliver(now=at)


def kinds() -> list[str]:
    return list(OutgoingEvent.objects.order_by("at", "kind").values_list("kind", flat=True))


class TestEvents:
    def test_a_failure_and_a_recovery_as_receivers_see_them(self, merchant):
        WebhookEndpointFactory(merchant=merchant)
        revoke_on_failure(merchant)
        fail(merchant)
        pay(merchant)

        assert sorted(kinds()) == [
            "access.granted",
            "access.revoked",
            "payment.failed",
            "payment.recovered",
            "retry.scheduled",
            "retry.skipped",
        ]
        revoked = OutgoingEvent.objects.get(kind="access.revoked")
        assert revoked.payload == {
            "id": str(revoked.pk),
            "type": "access.revoked",
            "version": 1,
            "timestamp": FAILED_AT.isoformat(),
            "livemode": False,
            "data": {
                "customer": "cus_1",
                "offer": "prod_1",
                "subscription": "sub_1",
                "case": revoked.payload["data"]["case"],
                "state": "revoked",
                "before": "granted",
                "allowed": False,
                "auto": True,
                "triggers_automations": False,
            },
        }
        recovered = OutgoingEvent.objects.get(kind="payment.recovered").payload["data"]
        assert (recovered["amount_minor"], recovered["currency"]) == (14900, "usd")

    def test_no_card_data_and_no_person_goes_out(self, merchant):
        WebhookEndpointFactory(merchant=merchant)
        revoke_on_failure(merchant)
        fail(merchant)
        pay(merchant)

        sent = json.dumps([event.payload for event in OutgoingEvent.objects.all()])
        for secret in ("3119", "visa", "fp_visa", "pm_visa", "@", "Sofia"):
            assert secret not in sent

    def test_an_event_told_twice_goes_out_once(self, merchant):
        WebhookEndpointFactory(merchant=merchant)
        fail(merchant)
        before = Delivery.objects.count()
        CaseEvent.objects.update(delivered_at=None)

        reactions.deliver(now=FAILED_AT + HOUR)

        assert Delivery.objects.count() == before > 0

    def test_an_import_tells_nobody(self, merchant):
        WebhookEndpointFactory(merchant=merchant)
        revoke_on_failure(merchant)

        fail(merchant, source="import")

        assert not OutgoingEvent.objects.exists()

    def test_without_an_endpoint_nothing_is_written(self, merchant):
        WebhookEndpointFactory(
            merchant=merchant, disabled_at=FAILED_AT, disabled_by="ana@example.com"
        )
        WebhookEndpointFactory()  # another merchant's

        fail(merchant)

        assert not OutgoingEvent.objects.exists()

    def test_an_endpoint_gets_what_it_chose(self, merchant):
        WebhookEndpointFactory(merchant=merchant, events=["access.revoked"])
        revoke_on_failure(merchant)

        fail(merchant)

        assert kinds() == ["access.revoked"]

    def test_steps_of_the_ladder_are_told(self, merchant):
        WebhookEndpointFactory(merchant=merchant, events=["access.limited"])
        ladder = Ladder(steps=(Step("banner", 0), Step("limited", 3)))
        revoke_on_failure(merchant, AccessRules(revoke="first_failure", ladders=(ladder,)))

        fail(merchant)

        assert OutgoingEvent.objects.get().payload["data"]["state"] == "banner"
        assert OutgoingEvent.objects.get().payload["data"]["allowed"] is True

    def test_what_a_person_does_without_a_case_is_told_too(self, merchant):
        WebhookEndpointFactory(merchant=merchant)
        row = SubscriptionFactory(merchant=merchant)
        customer_payments.revoke(
            merchant=merchant,
            subscription_id=row.stripe_subscription_id,
            user=UserFactory(),
            now=FAILED_AT,
        )

        reactions.deliver(now=FAILED_AT)
        reactions.deliver(now=FAILED_AT)

        data = OutgoingEvent.objects.get().payload["data"]
        assert (data["auto"], data["triggers_automations"], data["case"]) == (False, True, None)


class TestDelivery:
    @pytest.fixture
    def delivery(self, merchant):
        endpoint = WebhookEndpointFactory(merchant=merchant)
        event = OutgoingEventFactory(merchant=merchant, payload={"type": "test", "data": {"ü": 1}})
        return DeliveryFactory(
            endpoint=endpoint, event=event, next_at=FAILED_AT, created_at=FAILED_AT
        )

    def send(self, delivery, url, now=FAILED_AT):
        WebhookEndpoint.objects.filter(pk=delivery.endpoint_id).update(url=url)
        taken = services.send_delivery(delivery_id=delivery.pk, now=now)
        delivery.refresh_from_db()
        delivery.endpoint.refresh_from_db()
        return taken

    def test_is_signed_as_the_standard_says(self, delivery):
        with trap() as receiver:
            assert self.send(delivery, receiver.url)

        secret = signing_secret(endpoint_id=delivery.endpoint_id, number=1)
        assert Webhook(secret).verify(receiver.body, receiver.headers) == delivery.event.payload
        assert receiver.headers["webhook-id"] == str(delivery.event_id)
        assert (delivery.status, delivery.tries) == ("delivered", 1)

    def test_after_a_rotation_both_secrets_hold_for_a_day(self, merchant, delivery):
        new = services.rotate_secret(
            merchant=merchant,
            endpoint_id=delivery.endpoint_id,
            user=UserFactory(),
            now=FAILED_AT,
        )
        with trap() as receiver:
            self.send(delivery, receiver.url)

        old = signing_secret(endpoint_id=delivery.endpoint_id, number=1)
        for secret in (old, new):
            Webhook(secret).verify(receiver.body, receiver.headers)
        WebhookEndpoint.objects.update(old_secret_until=FAILED_AT - 9000 * DAY)
        assert services.secrets_of(WebhookEndpoint.objects.get()) == [new]

    def test_is_tried_again_for_days_and_then_given_up(self, delivery, unused_tcp_port):
        now, moments = FAILED_AT, [FAILED_AT]
        for _ in range(len(WAITS)):
            assert not self.send(delivery, f"http://localhost:{unused_tcp_port}/", now)
            assert delivery.status == "pending"
            assert services.due_deliveries(now=delivery.next_at - HOUR / 3600) == []
            assert services.due_deliveries(now=delivery.next_at) == [delivery.pk]
            now = delivery.next_at
            moments.append(now)
        self.send(delivery, f"http://localhost:{unused_tcp_port}/", now)

        assert (delivery.status, delivery.tries) == ("failed", 10)
        assert moments[-1] - moments[0] > FAILING_FOR
        assert delivery.last["error"] == "The server cannot be reached."
        assert delivery.endpoint.disabled_by == "Recoup"
        assert "Nothing arrived for days" in delivery.endpoint.disabled_why
        assert AuditEntry.objects.filter(action="webhook_endpoint.disable", user=None).exists()

    def test_an_endpoint_that_is_gone_is_disabled_at_once(self, merchant, delivery):
        waiting = DeliveryFactory(
            endpoint=delivery.endpoint, event=OutgoingEventFactory(merchant=merchant)
        )
        with trap(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n") as receiver:
            self.send(delivery, receiver.url)

        waiting.refresh_from_db()
        assert delivery.endpoint.disabled_by == "Recoup"
        assert waiting.status == "canceled"

    def test_one_success_makes_an_endpoint_well_again(self, delivery):
        with trap(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as receiver:
            self.send(delivery, receiver.url)
        assert delivery.endpoint.failing_since == FAILED_AT
        with trap() as receiver:
            self.send(delivery, receiver.url, delivery.next_at)

        assert delivery.endpoint.failing_since is None
        assert [line["status"] for line in delivery.log] == [503, 200]

    def test_two_workers_send_it_once(self, delivery):
        Delivery.objects.update(lease_until="2999-01-01T00:00Z")

        with trap() as receiver:
            assert not self.send(delivery, receiver.url)

        assert receiver.requests == []
        assert services.due_deliveries(now=FAILED_AT) == []

    def test_a_flood_at_one_endpoint_holds_up_no_other(self, merchant, delivery):
        for _ in range(15):
            DeliveryFactory(
                endpoint=delivery.endpoint,
                event=OutgoingEventFactory(merchant=merchant),
                next_at=FAILED_AT - HOUR,
            )
        other = DeliveryFactory(next_at=FAILED_AT)

        due = services.due_deliveries(now=FAILED_AT)

        assert len(due) == 11
        assert other.pk in due

    def test_replay_sends_the_same_event_again(self, merchant, delivery):
        user = UserFactory()
        with trap() as receiver:
            self.send(delivery, receiver.url)
            services.replay(
                merchant=merchant, delivery_id=delivery.pk, user=user, now=FAILED_AT + DAY
            )
            with pytest.raises(services.NotNow):
                services.replay(
                    merchant=merchant, delivery_id=delivery.pk, user=user, now=FAILED_AT
                )
            self.send(delivery, receiver.url, FAILED_AT + DAY)

        assert len(receiver.requests) == 2
        assert receiver.requests[0].split(b"\r\n\r\n")[1] == receiver.body
        with pytest.raises(Delivery.DoesNotExist):
            services.replay(
                merchant=MerchantFactory(), delivery_id=delivery.pk, user=user, now=FAILED_AT
            )

    def test_a_test_event_goes_to_one_endpoint(self, merchant, delivery):
        sent = services.send_test(
            merchant=merchant, endpoint_id=delivery.endpoint_id, user=UserFactory(), now=FAILED_AT
        )

        assert sent.event.kind == EventKind.TEST
        services.disable(
            merchant=merchant, endpoint_id=delivery.endpoint_id, user=UserFactory(), now=FAILED_AT
        )
        sent.refresh_from_db()
        assert sent.status == "canceled"
        with pytest.raises(services.NotNow):
            services.send_test(
                merchant=merchant,
                endpoint_id=delivery.endpoint_id,
                user=UserFactory(),
                now=FAILED_AT,
            )

    def test_old_ones_are_forgotten(self, delivery):
        Delivery.objects.update(status="delivered", settled_at=FAILED_AT)
        OutgoingEvent.objects.update(at=FAILED_AT)

        assert services.forget(now=FAILED_AT + 59 * DAY) == 0
        assert services.forget(now=FAILED_AT + 61 * DAY) == 1


def test_no_secret_is_in_the_database(merchant):
    endpoint, secret = services.add_endpoint(
        merchant=merchant,
        url="http://localhost:8123/hooks",
        events=[],
        user=UserFactory(),
        now=FAILED_AT,
    )

    assert secret == signing_secret(endpoint_id=endpoint.pk, number=1)
    assert secret != signing_secret(endpoint_id=endpoint.pk, number=2)
    assert secret not in str(WebhookEndpoint.objects.values().get())
    assert secret not in str(list(AuditEntry.objects.values()))


def test_a_new_secret_key_makes_new_secrets(settings):
    before = signing_secret(endpoint_id=1, number=1)
    settings.SECRET_KEY = "another"

    assert signing_secret(endpoint_id=1, number=1) != before


def test_the_database_refuses_what_may_not_be(merchant):
    delivery = DeliveryFactory()
    token = ApiTokenFactory()
    event = OutgoingEventFactory(merchant=merchant)
    wrong = [
        lambda: DeliveryFactory(endpoint=delivery.endpoint, event=delivery.event),
        lambda: DeliveryFactory(status="delivered"),
        lambda: OutgoingEventFactory(merchant=merchant, source=event.source),
        lambda: ApiTokenFactory(digest=token.digest),
        lambda: WebhookEndpointFactory(disabled_at=FAILED_AT),
    ]
    for write in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            write()


def test_a_failure_of_the_first_purchase_tells_nobody(merchant):
    WebhookEndpointFactory(merchant=merchant)
    first = replace(an_invoice(), billing_reason="subscription_create")
    first = replace(first, subscription=replace(first.subscription, status="incomplete"))

    recovery.observe_invoice(merchant=merchant, invoice=first, now=FAILED_AT)
    reactions.deliver(now=FAILED_AT)

    assert not OutgoingEvent.objects.exists()
