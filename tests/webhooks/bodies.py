"""Bodies of events by hand, signed as Stripe signs."""

import json
from datetime import UTC, datetime
from typing import Any

from sandbox.webhooks import signature
from tests.webhooks.world import SECRET

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


def an_event(type: str = "invoice.payment_failed", subject: Any = None, **fields: Any) -> dict:
    """Build an event; `subject` is its data.object, an invoice by default."""
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-08-26.dahlia",
        "created": int(NOW.timestamp()),
        "livemode": False,
        "type": type,
        "data": {"object": subject or {"id": "in_1", "object": "invoice"}},
        **fields,
    }


def body_of(event: object) -> bytes:
    return json.dumps(event).encode()


def post(client, body: bytes, *, at: datetime = NOW, secret: str = SECRET, **headers: str):
    """Post a signed body to our endpoint."""
    signed = {"Stripe-Signature": signature(body, [secret], timestamp=int(at.timestamp()))}
    return client.post(
        "/webhooks/stripe/",
        data=body,
        content_type="application/json",
        headers={**signed, **headers},
    )
