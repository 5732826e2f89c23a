"""Whether Stripe signed a webhook body, and just now.

Source: https://docs.stripe.com/webhooks#verify-manually
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Sequence

from apps.stripe_gateway.errors import BadSignature

WINDOW = dt.timedelta(minutes=5)


def verify_signature(*, body: bytes, header: str, secrets: Sequence[str], now: dt.datetime) -> None:
    """Check the `Stripe-Signature` header of a raw body.

    Several secrets may be given while one is being replaced. The stamp may be five minutes away
    from `now` (business time) on either side; the library's own check would accept any future
    stamp, and knows only the machine's clock.

    Raises:
        BadSignature: not signed with one of the secrets, or not within the window.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    stamp = next((value for name, _, value in parts if name == "t"), "")
    given = [value for name, _, value in parts if name == "v1"]
    if not (stamp.isascii() and stamp.isdigit() and given):
        raise BadSignature("no usable Stripe-Signature header")
    if not _matches(stamp, body, given, secrets):
        raise BadSignature("signed with none of our secrets")
    if abs(now.timestamp() - int(stamp)) > WINDOW.total_seconds():
        raise BadSignature("signed more than five minutes away from now")


def _matches(stamp: str, body: bytes, given: Sequence[str], secrets: Sequence[str]) -> bool:
    signed = stamp.encode() + b"." + body
    expected = [
        hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for secret in secrets
        if secret
    ]
    return any(
        hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in given
    )
