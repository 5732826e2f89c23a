"""Everything that can go wrong at Stripe, in our words. No error of the library leaves this app.

All arguments are positional with defaults, so that each error can be pickled on its way out of a
worker (the library's own CardError cannot).
"""

from apps.dunning.facts import Decline, Method


class GatewayError(Exception):
    """A call to Stripe did not give what was asked for."""


class PaymentDeclined(GatewayError):
    """The charge was made and refused (402): one try, with its reason."""

    def __init__(
        self,
        decline: Decline = Decline(code="card_declined"),  # noqa: B008 - frozen
        charge_id: str = "",
        payment_intent_id: str = "",
        method: Method | None = None,
    ) -> None:
        super().__init__(decline, charge_id, payment_intent_id, method)
        self.decline = decline
        self.charge_id = charge_id
        self.payment_intent_id = payment_intent_id
        self.method = method

    def __str__(self) -> str:
        return f"declined: {self.decline.reason}"


class NeedsAuthentication(GatewayError):
    """The customer must confirm with their bank (3-D Secure); charging again does not help.

    `decline` is set where the bank refused an unattended charge (402), and None where Stripe
    only waits for the confirmation (400 invoice_payment_intent_requires_action).
    """

    def __init__(
        self,
        payment_intent_id: str = "",
        charge_id: str = "",
        decline: Decline | None = None,
        method: Method | None = None,
    ) -> None:
        super().__init__(payment_intent_id, charge_id, decline, method)
        self.payment_intent_id = payment_intent_id
        self.charge_id = charge_id
        self.decline = decline
        self.method = method

    def __str__(self) -> str:
        return "the customer must confirm this payment"


class _Refused(GatewayError):
    def __init__(self, code: str = "", message: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.code else self.message


class InvoiceNotOpen(_Refused):
    """Already paid, void, uncollectible or a draft: what we knew is old; read it again."""


class NoPaymentMethod(_Refused):
    """Nothing is on file that could be charged; no charge was made."""


class NotFound(_Refused):
    """Stripe does not know the object: deleted, or another key, mode or account."""


class AccessDenied(_Refused):
    """The key is wrong, lacks a permission, or the account took its access back."""


class KeyMismatch(_Refused):
    """The idempotency key was used before with other parameters; nothing was executed."""


class BadRequest(_Refused):
    """Stripe refused the request as it stands; repeating it will not help."""


class Busy(GatewayError):
    """Nothing was executed: too many requests, or another call holds the object.

    The same call with the same key may follow after `retry_after` seconds.
    """

    def __init__(self, code: str = "", retry_after: float = 0.0) -> None:
        super().__init__(code, retry_after)
        self.code = code
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"Stripe is busy: {self.code}"


class OutcomeUnknown(GatewayError):
    """No usable answer (connection, timeout, 5xx): the call may have been executed.

    The same call with the same key is safe while the key is young (24 hours).
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"no answer from Stripe: {self.message}"


class BadSignature(GatewayError):
    """A webhook body that Stripe did not sign with one of our secrets, or not just now."""


class UnreadableAnswer(GatewayError):
    """Stripe answered, but with a shape no reader understands; the object's id is named."""
