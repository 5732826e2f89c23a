"""The read API, and the pages of its tokens and of outgoing webhooks."""

from apps.integrations.views.api import access
from apps.integrations.views.endpoints import (
    add,
    change,
    delivery_page,
    disable,
    enable,
    endpoint_list,
    endpoint_page,
    replay,
    rotate,
    test,
)
from apps.integrations.views.tokens import create_token, revoke_token, token_list

__all__ = [
    "access",
    "add",
    "change",
    "create_token",
    "delivery_page",
    "disable",
    "enable",
    "endpoint_list",
    "endpoint_page",
    "replay",
    "revoke_token",
    "rotate",
    "test",
    "token_list",
]
