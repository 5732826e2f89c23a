"""Signing secrets that are derived when needed, so that none is stored; tokens kept as digests."""

import base64
import hashlib
import hmac
import secrets

from django.conf import settings

PREFIX = "whsec_"
TOKEN_PREFIX = "recoup_"  # noqa: S105 - how every token begins


def signing_secret(*, endpoint_id: int, number: int) -> str:
    """Give an endpoint's secret, as Standard Webhooks writes it: "whsec_" and base64.

    It follows from the installation's SECRET_KEY, the endpoint and how often it was rotated: the
    database alone signs nothing. A new SECRET_KEY makes all of them new.
    """
    name = f"recoup.integrations.webhook:{endpoint_id}:{number}"
    key = hmac.new(settings.SECRET_KEY.encode(), name.encode(), hashlib.sha256).digest()
    return PREFIX + base64.b64encode(key).decode()


def new_token() -> str:
    """Make an API token: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Give what is kept of a token. It is long and random: a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()
