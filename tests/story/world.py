"""The whole product around a sandbox, in one process: time moves only when a story says so."""

import datetime as dt
from pathlib import Path

from django.conf import settings
from django.test import Client

from apps import clock
from apps.accounts.models import Merchant
from apps.customer_payments import services as customer_payments
from apps.customer_payments.models import AccessStep
from apps.dunning.presets import RECOMMENDED
from apps.dunning.rules import RetryRules
from apps.dunning_emails.models import Mail
from apps.recovery.models import Attempt, RecoveryCase
from apps.retry_settings import services as retry_settings
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from sandbox import cards, workers
from sandbox.clock import Clock
from sandbox.core import Sandbox
from sandbox.transport import SandboxHTTPClient
from sandbox.types import Obj

START = dt.datetime(2026, 11, 2, 14, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WEBHOOK_SECRET = "whsec_story"


class World:
    """A merchant at a local Stripe. Stories move time by `advance` and look at what became."""

    def __init__(
        self, offset_file: Path, *, api_version: str | None = None, connect: bool = False
    ) -> None:
        self.offset_file = offset_file
        self.sandbox = Sandbox(clock=Clock(start=START))
        self.sandbox.judge.attempt_exists = attempt_was_committed
        self.sandbox.add_key(settings.GATEWAY_STRIPE_KEY)
        self.sandbox.add_endpoint(
            "https://recoup.test/webhooks/stripe/",
            secret=WEBHOOK_SECRET,
            api_version=api_version,
            connect=connect,
        )
        # None is the platform's own account, as in every call to the sandbox.
        self.account = self.sandbox.add_account(connected=True) if connect else None
        self.http = SandboxHTTPClient(self.sandbox)
        self.post = self.sandbox.deliver_to(self._receive)
        self.merchant = Merchant.objects.create(
            name="Willow Studio",
            stripe_account_id=self.account or self.sandbox.account,
            is_connected=connect,
            time_zone="America/New_York",
        )
        self._set_clock()

    def choose(
        self, *, rules: RetryRules = RECOMMENDED, revoke: bool = True, grant: bool = True
    ) -> None:
        """Save the merchant's settings."""
        retry_settings.save_rules(
            merchant=self.merchant, rules=rules, expected_version=0, user=None, now=self.now
        )
        customer_payments.save_settings(
            merchant=self.merchant,
            revoke_on_failure=revoke,
            grant_on_success=grant,
            expected_version=0,
            user=None,
            now=self.now,
        )

    @property
    def now(self) -> dt.datetime:
        return self.sandbox.now()

    def advance(self, by: dt.timedelta) -> None:
        """Let time pass, from one thing that is due to the next."""
        end = self.now + by
        while self.now < end:
            self.sandbox.advance(min(end, self._next_moment()) - self.now)
            # Leases run by real time, which stands still here, and nobody is in the middle of one.
            Attempt.objects.unsettled().update(lease_until=None)
            self.settle_down()

    def _next_moment(self) -> dt.datetime:
        """Say when the sandbox or the product has something to do next; never now."""
        letter = self.post.next_at()
        due = [
            self.sandbox.next_due_at(),
            dt.datetime.fromtimestamp(letter, dt.UTC) if letter else None,
            *Attempt.objects.filter(status="scheduled").values_list("due_at", flat=True),
            *RecoveryCase.objects.open().values_list("decide_by", flat=True),
            *AccessStep.objects.filter(status="planned").values_list("due_at", flat=True),
            *Mail.objects.filter(status="scheduled").values_list("due_at", flat=True),
        ]
        soonest = min((moment for moment in due if moment), default=self.now + DAY)
        return max(soonest, self.now + dt.timedelta(minutes=5))

    def settle_down(self) -> None:
        """Deliver, read, charge and react until nothing is left to do at this moment."""
        self._set_clock()
        for _ in range(20):
            busy = self.post.deliver_due()
            busy += workers.work(clock.now)
            if not busy:
                return
        raise AssertionError("the product does not come to rest")

    def calls(self) -> dict[str, int]:
        """Give the calls to Stripe since the last time this was asked."""
        counted = {f"{method} {path}": count for (method, path), count in self.http.calls.items()}
        self.http.calls.clear()
        return counted

    def subscribe(
        self,
        behaviour: cards.Behaviour | None = None,
        *,
        currency: str = "usd",
        instalments: int = 0,
    ) -> Obj:
        """Sell a monthly membership of 14900 minor units; the first payment succeeds."""
        sandbox, account = self.sandbox, self.account
        price = sandbox.create_price(14_900, currency, name="Studio Membership", account=account)
        customer = sandbox.create_customer_with_card(
            behaviour=behaviour,
            name="Sofia Rossi",
            email="sofia@example.com",
            address={"country": "US", "state": "NY"},
            account=account,
        )
        if instalments:
            sold = sandbox.subscribe_in_instalments(customer, price, instalments, account=account)
        else:
            sold = sandbox.subscribe(customer, price, account=account)
        self.settle_down()
        return sold

    def ask(self, method: str, path: str, params: Obj | None = None) -> Obj:
        """Do something at Stripe that is not the product's doing."""
        headers = {"Authorization": f"Bearer {self.sandbox.secret_key}"}
        return self.sandbox.request(method, path, params or {}, headers).body

    def until_the_renewal_failed(self) -> None:
        """Go to three hours after the renewal, an hour of which the invoice is a draft."""
        self.advance(30 * DAY + 3 * HOUR)

    def until_the_next_try(self) -> None:
        """Go to two hours after the time the case names."""
        self.advance(self.case.next_try_at - self.now + 2 * HOUR)

    # What the merchant sees

    @property
    def case(self) -> RecoveryCase:
        return RecoveryCase.objects.get()

    @property
    def transaction(self) -> Transaction:
        return Transaction.objects.filter(billing_reason="subscription_cycle").latest("at")

    @property
    def subscription(self) -> Subscription:
        return Subscription.objects.get()

    def charges(self, invoice_id: str, status: str = "succeeded") -> list[Obj]:
        """Give the charges Stripe made for an invoice."""
        books = self.sandbox.books(self.account)
        intents = {
            row["payment"]["payment_intent"]
            for row in books.where("invoice_payment", "invoice", invoice_id)
        }
        return [
            one
            for one in books.all("charge")
            if one["payment_intent"] in intents and one["status"] == status
        ]

    def _receive(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        answer = Client().post(
            "/webhooks/stripe/",
            data=body,
            content_type="application/json",
            headers={"Stripe-Signature": headers["Stripe-Signature"]},
        )
        return answer.status_code

    def _set_clock(self) -> None:
        offset = self.sandbox.now() - dt.datetime.now(dt.UTC)
        self.offset_file.write_text(str(offset.total_seconds()))


def attempt_was_committed(key: str) -> bool:
    """Tell the judge whether an attempt row stood behind this key before the call."""
    return Attempt.objects.filter(key=key, sent_at__isnull=False).exists()
