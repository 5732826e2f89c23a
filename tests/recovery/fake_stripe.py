"""A gateway without Stripe: one invoice as facts, answers scripted, every call noted.

Its calls have the signatures of `apps.stripe_gateway.client`, which a test checks.
"""

from dataclasses import replace

from apps.dunning.facts import Method
from apps.stripe_gateway.errors import GatewayError, NeedsAuthentication, PaymentDeclined
from apps.stripe_gateway.facts import InvoiceFacts, SubscriptionFacts
from tests.recovery.builders import a_subscription, an_invoice, failed_try, paid, taken_over


class FakeStripe:
    def __init__(self) -> None:
        self.invoice = an_invoice()
        self.now = None  # when the next charge is made
        self.meanwhile = None  # what somebody else does to the invoice between read and pay
        self.answers: list[GatewayError | str] = []
        self.read_errors: list[GatewayError] = []
        self.takeover_errors: list[GatewayError] = []
        self.cancel_errors: list[GatewayError] = []
        self.pays: list[str] = []
        self.paid_with: list[str] = []
        self.reads = 0
        self.takeovers: list[str] = []
        self.canceled: list[tuple[str, str]] = []
        self.ended: list[tuple[str, str]] = []
        self.end_errors: list[GatewayError] = []
        self.methods: dict[str, tuple[Method, str]] = {}
        self.fix_errors: list[GatewayError] = []
        self.fixes: list[tuple[str, str, str, str]] = []

    def read_invoice(self, *, account, invoice_id: str) -> InvoiceFacts:
        self.reads += 1
        if self.read_errors:
            raise self.read_errors.pop(0)
        return replace(self.invoice, id=invoice_id)

    def read_payment_method(self, *, account, payment_method_id: str) -> tuple[Method, str]:
        return self.methods[payment_method_id]

    def set_default_method(
        self, *, account, field: str, owner_id: str, payment_method_id: str, key: str
    ) -> None:
        self.fixes.append((field, owner_id, payment_method_id, key))
        if self.fix_errors:
            raise self.fix_errors.pop(0)
        self.invoice = replace(
            self.invoice, method=self.methods[payment_method_id][0], method_field=field
        )

    def stop_stripe_retries(self, *, account, invoice_id: str, key: str) -> InvoiceFacts:
        self.takeovers.append(key)
        if self.takeover_errors:
            raise self.takeover_errors.pop(0)
        self.invoice = taken_over(self.invoice)
        return self.invoice

    def pay_invoice(
        self, *, account, invoice_id: str, key: str, payment_method_id: str = ""
    ) -> InvoiceFacts:
        """Answer as scripted: an error, "paid" or "processing"."""
        self.pays.append(key)
        self.paid_with.append(payment_method_id)
        if self.meanwhile:
            self.invoice = self.meanwhile(self.invoice)
        answer = self.answers.pop(0)
        if isinstance(answer, GatewayError):
            if isinstance(answer, PaymentDeclined | NeedsAuthentication) and answer.charge_id:
                tried = failed_try(answer.charge_id, self.now, answer.decline)
                self.invoice = replace(self.invoice, tries=(*self.invoice.tries, tried))
            raise answer
        if answer == "processing":
            self.invoice = replace(self.invoice, processing=True)
            return self.invoice
        self.invoice = paid(self.invoice, self.now)
        return self.invoice

    def cancel_subscription(self, *, account, subscription_id: str, key: str) -> SubscriptionFacts:
        if self.cancel_errors:
            raise self.cancel_errors.pop(0)
        self.canceled.append((subscription_id, key))
        return a_subscription(status="canceled")

    def pause_collection(self, *, account, subscription_id: str, key: str) -> None:
        self._end("pause", key)

    def mark_uncollectible(self, *, account, invoice_id: str, key: str) -> InvoiceFacts:
        self._end("uncollectible", key)
        self.invoice = replace(self.invoice, status="uncollectible")
        return self.invoice

    def void_invoice(self, *, account, invoice_id: str, key: str) -> None:
        self._end("void", key)
        self.invoice = replace(self.invoice, status="void")

    def _end(self, what: str, key: str) -> None:
        self.ended.append((what, key))
        if self.end_errors:
            raise self.end_errors.pop(0)
