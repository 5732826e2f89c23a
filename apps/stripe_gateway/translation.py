"""The library's errors become ours here, and nowhere else.

Source: https://docs.stripe.com/api/errors, https://docs.stripe.com/error-low-level
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from apps.logs import redact
from apps.stripe_gateway import errors
from apps.stripe_gateway.counting import count
from apps.stripe_gateway.readers.common import Json, dig, ident, text
from apps.stripe_gateway.readers.declines import decline_of_error
from apps.stripe_gateway.readers.methods import method_from

NOT_OPEN_CODES = frozenset({"invoice_not_editable", "invoice_already_paid", "invoice_not_open"})
NOT_OPEN_WORDS = re.compile(
    r"already (been )?paid|invoice is (already )?(paid|void|draft|uncollectible|not open)"
    r"|(voided|draft|uncollectible|finalized) invoices?\b|void invoice",
    re.IGNORECASE,
)
"""Stripe gives the states of an invoice no codes of their own; the words are all there is."""

NO_METHOD_CODES = frozenset({"missing", "resource_missing"})
NO_METHOD_WORDS = re.compile(
    r"no (default )?(payment method|payment source|attached payment source|default_payment_method)"
    r"|missing a payment method",
    re.IGNORECASE,
)


@contextmanager
def our_errors() -> Iterator[None]:
    """Let only this app's errors out of a call to the library."""
    try:
        yield
    except stripe.StripeError as error:
        ours = translated(error)
        count(ours)
        raise ours from error


def translated(error: stripe.StripeError) -> errors.GatewayError:
    """Say in our words what an error of the library means."""
    body = _body(error)
    code = text(body, "code")
    # Stripe repeats what it was sent: an address, the tail of a key.
    message = redact(text(body, "message") or str(error))
    status = error.http_status or 0
    if isinstance(error, stripe.APIConnectionError):
        return errors.OutcomeUnknown(_one_line(redact(str(error))))
    if isinstance(error, stripe.RateLimitError) or status == 409 or code == "lock_timeout":
        return errors.Busy(code or "rate_limit", _retry_after(error))
    if isinstance(error, stripe.CardError):
        return _declined(body)
    if isinstance(error, stripe.IdempotencyError):
        return errors.KeyMismatch(code, message)
    if status in (401, 403):
        return errors.AccessDenied(code, message)
    if status == 404:
        return errors.NotFound(code, message)
    if 400 <= status < 500:
        return _bad_request(code, message, body)
    return errors.OutcomeUnknown(_one_line(message))


def _declined(body: Json) -> errors.GatewayError:
    decline = decline_of_error(body)
    charge, intent = ident(body, "charge"), ident(body, "payment_intent")
    method = method_from(dig(body, "payment_method")) or method_from(dig(body, "source"))
    if "authentication_required" in (decline.code, decline.decline_code):
        return errors.NeedsAuthentication(intent, charge, decline, method)
    return errors.PaymentDeclined(decline, charge, intent, method)


def _bad_request(code: str, message: str, body: Json) -> errors.GatewayError:
    if code == "invoice_payment_intent_requires_action":
        return errors.NeedsAuthentication(ident(body, "payment_intent"))
    if code in NOT_OPEN_CODES or NOT_OPEN_WORDS.search(message):
        return errors.InvoiceNotOpen(code, message)
    about_method = text(body, "param") in ("", "payment_method", "source")
    if (code in NO_METHOD_CODES and about_method) or NO_METHOD_WORDS.search(message):
        return errors.NoPaymentMethod(code, message)
    return errors.BadRequest(code, message)


def _body(error: stripe.StripeError) -> Json:
    found = dig(error.json_body, "error")
    return found if isinstance(found, dict) else {}


def _retry_after(error: stripe.StripeError) -> float:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    try:
        return max(0.0, float(headers.get("retry-after", 0)))
    except ValueError:
        return 0.0


def _one_line(message: str) -> str:
    return " ".join(message.split())[:300]
