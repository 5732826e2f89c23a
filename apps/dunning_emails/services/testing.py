"""Send one mail to the person who asks for it, outside the outbox."""

import datetime as dt
import uuid
from dataclasses import replace

from apps.accounts.models import Merchant
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.rendering import Rendered
from apps.dunning_emails.services.messages import message_of
from apps.dunning_emails.transport import post


def send_test(*, merchant: Merchant, rendered: Rendered, to: str, now: dt.datetime) -> str:
    """Send a test mail now; "" if it left, else what the mail server said."""
    marked = replace(rendered, subject=f"[Test] {rendered.subject}")
    message = message_of(
        rendered=marked, settings=settings_of(merchant), to=to, key=uuid.uuid4(), now=now
    )
    with post() as line:
        handed = line.hand_over(message)
    return "" if handed.outcome == "sent" else handed.note or handed.outcome
