"""A customer whose payment link no longer works asks for another one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from apps.dunning.mails.chase import Silence, Step, Write
from apps.dunning.mails.facts import Address
from apps.dunning.mails.kinds import MailKind

APART = timedelta(hours=20)
MOST, WITHIN = 5, timedelta(days=30)
"""Whoever holds an old link can cause so many mails about one payment, and no more."""


def new_link_mail(*, address: Address, asked: Sequence[datetime], now: datetime) -> Write | Silence:
    """Decide whether a new link is sent. `asked` are the times of earlier ones for this payment.

    At once, also at night: somebody waits for it. Codes of silence: too_soon, no_address, bounced.
    """
    recent = [at for at in asked if at > now - WITHIN]
    if len(recent) >= MOST or any(at > now - APART for at in recent):
        return Silence("too_soon", "A new link was sent lately.")
    if address == "missing":
        return Silence("no_address", "The customer has no email address.")
    if address == "bounced":
        return Silence("bounced", "Mail to the customer came back.")
    return Write(Step(MailKind.NEW_LINK, f"new_link:{now:%Y-%m-%d}", now), now)
