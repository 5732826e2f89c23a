"""The customer's other cards, as the rule for a backup method looks at them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable

from apps.customers.models import PaymentMethod
from apps.customers.queries import method_of
from apps.dunning import codes
from apps.dunning.backup import RECENT
from apps.dunning.facts import BackupMethod, Decline
from apps.recovery.models import Attempt, RecoveryCase, Try
from apps.recovery.near import CARD_WINDOW


def backups_of(
    case: RecoveryCase, *, now: dt.datetime, methods: Iterable[PaymentMethod] | None = None
) -> tuple[BackupMethod, ...]:
    """Return the saved methods that paid for this customer lately; none unless the rules ask.

    Two queries; one where the caller has the `methods` on file already. Only methods that are still
    attached to the customer, as far as was read; Stripe refuses one that is not.
    """
    if not case.rules.get("backup_after") or not case.stripe_customer_id:
        return ()
    if methods is None:
        methods = PaymentMethod.objects.filter(
            merchant_id=case.merchant_id, stripe_customer_id=case.stripe_customer_id
        )
    kept = [one for one in methods if one.stripe_customer_id == case.stripe_customer_id]
    if len(kept) < 2:
        return ()
    tries: dict[str, list[Try]] = defaultdict(list)
    for one in Try.objects.filter(
        merchant_id=case.merchant_id,
        stripe_customer_id=case.stripe_customer_id,
        at__gt=now - 2 * RECENT,
    ).order_by("at"):
        for name in {one.stripe_payment_method_id, one.fingerprint} - {""}:
            tries[name].append(one)
    found = (_backup(row, tries, now) for row in kept)
    return tuple(one for one in found if one is not None)


def backup_was_used(case: RecoveryCase, *, attempts: Iterable[Attempt] | None = None) -> bool:
    """Tell whether the one charge on a backup method was sent already.

    `attempts` are the case's, where the caller has them already.
    """
    if not case.rules.get("backup_after"):
        return False
    if attempts is not None:
        backup = Attempt.Trigger.BACKUP
        return any(one.trigger == backup and one.sent_at is not None for one in attempts)
    return case.attempts.filter(trigger=Attempt.Trigger.BACKUP, sent_at__isnull=False).exists()


def _backup(
    row: PaymentMethod, tries: dict[str, list[Try]], now: dt.datetime
) -> BackupMethod | None:
    own = tries[row.stripe_payment_method_id]
    same_card = {one.pk: one for one in [*own, *tries.get(row.fingerprint, ())]}.values()
    paid_at = max((one.at for one in own if one.status == Try.Status.SUCCEEDED), default=None)
    if paid_at is None:
        return None
    return BackupMethod(
        method=method_of(row),
        last_paid_at=paid_at,
        declined_hard=any(_is_hard(one) for one in same_card),
        tries=tuple(
            sorted(
                one.at for one in same_card if one.reached_network and one.at > now - CARD_WINDOW
            )
        ),
    )


def _is_hard(one: Try) -> bool:
    if one.status != Try.Status.FAILED:
        return False
    decline = one.decline or Decline("")
    return codes.lookup(decline, one.method_type or "card").hard
