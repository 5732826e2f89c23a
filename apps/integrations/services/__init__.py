"""Tell other systems what happened, and keep who may be told and who may ask."""

from apps.integrations.services.deliveries import (
    due_deliveries,
    forget,
    replay,
    send_delivery,
    send_test,
)
from apps.integrations.services.endpoints import (
    NotNow,
    add_endpoint,
    change_endpoint,
    disable,
    enable,
    rotate_secret,
    secrets_of,
)
from apps.integrations.services.outgoing import tell, tell_case_event
from apps.integrations.services.tokens import create_token, note_used, revoke_token

__all__ = [
    "NotNow",
    "add_endpoint",
    "change_endpoint",
    "create_token",
    "disable",
    "due_deliveries",
    "enable",
    "forget",
    "note_used",
    "replay",
    "revoke_token",
    "rotate_secret",
    "secrets_of",
    "send_delivery",
    "send_test",
    "tell",
    "tell_case_event",
]
