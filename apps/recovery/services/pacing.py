"""When a due charge has to wait all the same: too many at once, too late, or nobody gets through.

Each wait is on the schedule and said in words; what a person asked for is never held back here.
"""

import datetime as dt
import hashlib
from collections import Counter
from dataclasses import dataclass

from apps.dunning import codes
from apps.dunning.words import method_name
from apps.recovery.models import AccountPace, Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event

PER_SECOND = 15
"""Charges of one Stripe account, below the 25 calls a second that Stripe allows per endpoint.

Source: https://docs.stripe.com/rate-limits
"""
INTERVAL = dt.timedelta(seconds=1) / PER_SECOND
BURST = dt.timedelta(seconds=2)
"""How far ahead of the even pace an account may run: so many seconds' worth of charges at once."""

LATE = dt.timedelta(hours=2)
SPREAD = dt.timedelta(minutes=60)
"""What comes so late that something was away is spread over so much time: no burst follows."""

SILENCE = dt.timedelta(minutes=10)
SILENT_CALLS = 5
"""So many charges without any answer within that time, and none with one: Stripe fails."""

SPIKE = dt.timedelta(hours=1)
SPIKE_TRIES = 20
SPIKE_PERCENT = 90
"""So many tries on one brand, nearly all failed for one technical reason: its network fails."""

_TECHNICAL = frozenset(row.code for row in codes.all_rows() if row.group == "technical")
_ANSWERED = (
    Attempt.Status.SUCCEEDED,
    Attempt.Status.DECLINED,
    Attempt.Status.PROCESSING,
    Attempt.Status.NEEDS_CUSTOMER,
)
_BY_ITSELF = (Attempt.Trigger.SCHEDULE, Attempt.Trigger.BACKUP)


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when a due attempt waits; `text` is "" for seconds that nobody needs to hear of."""

    until: dt.datetime
    code: str
    text: str = ""


def must_wait(*, attempt: Attempt, now: dt.datetime) -> Wait | None:
    """Say whether a due attempt has to wait; a free place at the account's pace is taken.

    Inside the transaction that claims it, as its last question: the place is given back with it.
    """
    if attempt.trigger in _BY_ITSELF:
        held = (
            _too_late(attempt, now) or _stripe_fails(attempt, now) or _network_fails(attempt, now)
        )
        if held is not None:
            return held
    return _no_place(attempt, now)


def put_off(*, attempt: Attempt, wait: Wait, now: dt.datetime) -> None:
    """Move a due attempt, so that pages say its true time. Inside a transaction."""
    case = RecoveryCase.objects.select_for_update().get(pk=attempt.case_id)
    later = Attempt.objects.filter(pk=attempt.pk, status=Attempt.Status.SCHEDULED)
    if not later.update(due_at=wait.until, put_off_until=wait.until):
        return
    if case.next_step == RecoveryCase.Step.RETRY:
        case.next_try_at = wait.until
    if wait.text:
        case.reasons = [{"code": wait.code, "text": wait.text}]
        append_event(
            case=case,
            kind=CaseEvent.Kind.PLANNED,
            key=f"planned:{attempt.number}:{wait.until.isoformat()}",
            at=now,
            text=wait.text,
            data={
                "attempt": attempt.number,
                "due_at": wait.until.isoformat(),
                "reasons": case.reasons,
            },
        )
    case.save(update_fields=["next_try_at", "reasons"])


def slow_down(*, case: RecoveryCase, now: dt.datetime) -> None:
    """Stripe asked for fewer calls: the account starts nothing for some seconds."""
    AccountPace.objects.update_or_create(
        merchant_id=case.merchant_id, defaults={"free_at": now + BURST + dt.timedelta(seconds=10)}
    )


def spread(attempt: Attempt, within: dt.timedelta) -> dt.timedelta:
    """Give a part of a span, always the same for one attempt and even over many."""
    name = f"{attempt.case.stripe_invoice_id}:{attempt.number}"
    part = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    return dt.timedelta(seconds=int(within.total_seconds() * part))


def _too_late(attempt: Attempt, now: dt.datetime) -> Wait | None:
    late = now - attempt.due_at
    if late <= LATE:
        return None
    hours = round(late.total_seconds() / 3600)
    text = (
        f"Late by {hours} hours, since Recoup or Stripe was away or charging was off: "
        "what has waited is spread over an hour."
    )
    return Wait(now + spread(attempt, SPREAD), "late", text)


def _stripe_fails(attempt: Attempt, now: dt.datetime) -> Wait | None:
    sent = Attempt.objects.filter(
        case__merchant_id=attempt.case.merchant_id, sent_at__gt=now - SILENCE, sent_at__lte=now
    )
    counts = Counter(sent.values_list("status", flat=True)[:200])
    answered = sum(counts[status] for status in _ANSWERED)
    if answered or counts[Attempt.Status.UNKNOWN] < SILENT_CALLS:
        return None
    text = "Stripe answers nobody at the moment: nothing is tried until it does."
    return Wait(now + SILENCE + spread(attempt, SILENCE), "stripe_fails", text)


def _network_fails(attempt: Attempt, now: dt.datetime) -> Wait | None:
    brand = (attempt.case.seen.get("method") or {}).get("brand", "")
    if not brand:
        return None
    tries = list(
        Try.objects.filter(
            merchant_id=attempt.case.merchant_id,
            method_brand=brand,
            at__gt=now - SPIKE,
            at__lte=now,
        ).values_list("status", "decline_code", "failure_code")[:1000]
    )
    if len(tries) < SPIKE_TRIES:
        return None
    reasons = Counter(
        decline or failure for status, decline, failure in tries if status == Try.Status.FAILED
    )
    reason, failed = reasons.most_common(1)[0] if reasons else ("", 0)
    if reason not in _TECHNICAL or failed * 100 < len(tries) * SPIKE_PERCENT:
        return None
    text = (
        f"{method_name(brand)} fails for everyone: {failed} of the last {len(tries)} tries with "
        "a technical problem. Held for an hour."
    )
    return Wait(now + SPIKE + spread(attempt, SILENCE), "network_fails", text)


def _no_place(attempt: Attempt, now: dt.datetime) -> Wait | None:
    pace, _ = AccountPace.objects.select_for_update().get_or_create(
        merchant_id=attempt.case.merchant_id, defaults={"free_at": now}
    )
    free_at = max(pace.free_at, now)
    if free_at - now > BURST:
        return Wait(free_at - BURST + spread(attempt, dt.timedelta(seconds=30)), "pace")
    pace.free_at = free_at + INTERVAL
    pace.save(update_fields=["free_at"])
    return None
