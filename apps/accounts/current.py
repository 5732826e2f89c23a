"""Which of a person's merchants a request is about."""

from django.http import HttpRequest

from apps.accounts.models import Membership

MERCHANT_IN_SESSION = "merchant_id"
"""The session's key for the merchant a person switched to."""


def is_charging(membership: Membership) -> bool:
    """Tell whether charging was found to be allowed as the request's memberships were read.

    False also where nobody looked; `charging_stop` then says for sure.
    """
    return bool(getattr(membership, "is_charging", False))


def current_membership(request: HttpRequest) -> Membership | None:
    """Return the membership of the merchant last switched to, else of the first by name."""
    rows: list[Membership] = request.memberships  # type: ignore[attr-defined]
    wanted = request.session.get(MERCHANT_IN_SESSION) if rows else None
    return next((row for row in rows if row.merchant_id == wanted), rows[0] if rows else None)
