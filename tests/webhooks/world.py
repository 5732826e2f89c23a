"""A merchant, a local Stripe in the same process, and the mail between them."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from django.test import Client

from apps.accounts.models import Merchant
from apps.recovery import services as recovery
from apps.webhooks import services
from sandbox import Clock, Sandbox, cards
from sandbox.transport import SandboxHTTPClient
from sandbox.webhooks import signature

MONDAY = datetime(2026, 1, 5, 15, tzinfo=UTC)
SECRET = "whsec_tests"
HOOK = "http://localhost/webhooks/stripe/"


class World:
    """Stripe's side and ours. Letters wait in `post` until `deliver` hands them in."""

    def __init__(self, *, api_version: str | None = None) -> None:
        self.sandbox = Sandbox(clock=Clock(start=MONDAY))
        self.endpoint = self.sandbox.add_endpoint(HOOK, secret=SECRET, api_version=api_version)
        self.http = SandboxHTTPClient(self.sandbox)
        self.post: list[bytes] = []
        self._deliverer = self.sandbox.deliver_to(self._into_the_post)
        self.client = Client()
        self.merchant: Merchant

    @property
    def now(self) -> datetime:
        return self.sandbox.now()

    def _into_the_post(self, url, body, headers) -> int:
        self.post.append(body)
        return 200

    def collect(self) -> list[bytes]:
        """Take what Stripe has sent so far out of the post."""
        self._deliverer.drain()
        letters, self.post = self.post, []
        return letters

    def hand_in(self, letters, *, shuffle: random.Random | None = None, copies: int = 1) -> None:
        """Post letters to our view; each must be taken."""
        letters = list(letters) * copies
        if shuffle:
            shuffle.shuffle(letters)
        for body in letters:
            # Stripe signs each delivery anew.
            signed = signature(body, [SECRET], timestamp=int(self.now.timestamp()))
            answer = self.client.post(
                "/webhooks/stripe/",
                data=body,
                content_type="application/json",
                headers={"Stripe-Signature": signed},
            )
            assert answer.status_code == 200, answer.content

    def deliver(self) -> None:
        self.hand_in(self.collect())

    def run_due_attempts(self) -> int:
        """Carry out our own retries that are due, and let them show on the rows."""
        due = recovery.due_attempts(now=self.now)
        for attempt_id in due:
            recovery.run_attempt(attempt_id=attempt_id, now=self.now)
        return len(due)

    def drain(self, **options) -> services.Drained:
        return services.drain(now=self.now, at_once=True, **options)

    def sync(self) -> Counter[tuple[str, str]]:
        """Deliver everything and read it; answer the calls it cost."""
        self.http.calls.clear()
        self.deliver()
        self.drain()
        return self.http.calls.copy()

    def subscribe(self, behaviour=None, *, amount: int = 14_900, currency: str = "usd", **fields):
        """Make a customer with a subscription whose first payment went through."""
        fields = {"name": "Ada Lovelace", "email": "ada@example.com", **fields}
        customer = self.sandbox.create_customer_with_card(
            behaviour=behaviour if behaviour is not None else cards.pays(), **fields
        )
        price = self.sandbox.create_price(amount, currency, name="Studio Membership")
        return self.sandbox.subscribe(customer, price)

    def failed_renewal(self, behaviour=None):
        """Make a renewal that is declined and answer its open invoice."""
        behaviour = cards.declines("insufficient_funds") if behaviour is None else behaviour
        return self.sandbox.renew(self.subscribe(behaviour))

    def advance(self, **by) -> None:
        self.sandbox.advance(timedelta(**by))
