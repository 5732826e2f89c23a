"""What rules would have done with a failure of the past: tries, mails, access, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from apps.dunning.facts import CaseFacts
from apps.dunning.outlook import Rulebook, outlook


@dataclass(frozen=True, slots=True)
class PastFailure:
    """A payment as it stood when its first charge had failed, and when it was paid, if it was."""

    facts: CaseFacts
    paid_at: datetime | None = None
    offer: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What rules had made of it.

    `tries` are the retries due before the payment came; whether one of them had succeeded sooner
    nobody can know. `mails` are those due before it, `revoked_at` is when access had been taken,
    None if the payment came first or nothing takes it. `ends_at` is when it had been given up,
    None where that is Stripe's to say. `too_late` is True if the money came only after that.
    """

    tries: int
    ends_at: datetime | None
    too_late: bool
    mails: tuple[datetime, ...] = ()
    revoked_at: datetime | None = None


def replay(past: PastFailure, book: Rulebook) -> Replayed:
    """Follow a past failure by a rulebook, from its first charge on."""
    found = outlook(facts=past.facts, book=book, now=past.facts.first_failed_at, offer=past.offer)
    ends_at, paid_at = found.course.ends_at, past.paid_at

    def unpaid(times: Iterable[datetime]) -> list[datetime]:
        return [at for at in times if paid_at is None or at < paid_at]

    revoked = unpaid(step.due_at for step in found.access if step.state == "revoked")
    return Replayed(
        tries=len(unpaid(one.due_at for one in found.course.tries)),
        ends_at=ends_at,
        too_late=paid_at is not None and ends_at is not None and paid_at > ends_at,
        mails=tuple(unpaid(one.at for one in found.mails)),
        revoked_at=min(revoked, default=None),
    )
