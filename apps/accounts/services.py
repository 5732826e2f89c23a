"""Writes to merchants, memberships, the switches and the audit trail."""

import datetime as dt
import logging

from django.db import DatabaseError, connection, transaction

from apps.accounts.models import (
    LONGEST_GAP,
    AuditEntry,
    Installation,
    Membership,
    Merchant,
    Role,
    User,
)

logger = logging.getLogger(__name__)

SAY_AGAIN = dt.timedelta(seconds=20)
"""How old a sign of life may grow before it is written again."""


class EmailTaken(ValueError):
    """A user with this email exists already."""


class AccountConflict(ValueError):
    """A Stripe account cannot become this merchant's; the text says why."""


def record_audit(
    *,
    merchant: Merchant,
    user: User | None,
    action: str,
    at: dt.datetime,
    subject: str = "",
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> AuditEntry:
    """Append one entry; call it inside the transaction that makes the change."""
    return AuditEntry.objects.create(
        merchant=merchant,
        user=user,
        actor=user.email if user else "Recoup",
        action=action,
        subject=subject,
        before=before or {},
        after=after or {},
        at=at,
    )


@transaction.atomic(durable=True)
def create_merchant(
    *, name: str, email: str, password: str, stripe_account_id: str = "", livemode: bool = False
) -> Membership:
    """Make a merchant and its owner, a new user.

    Raises:
        EmailTaken: the email belongs to somebody; nothing was made.
    """
    address = email.strip().lower()
    if User.objects.filter(email=address).exists():
        raise EmailTaken(address)
    merchant = Merchant.objects.create(
        name=name.strip(), stripe_account_id=stripe_account_id, livemode=livemode
    )
    user = User.objects.create_user(address, password)
    return Membership.objects.create(merchant=merchant, user=user, role=Role.OWNER)


def attach_account(
    *,
    merchant: Merchant,
    stripe_account_id: str,
    livemode: bool,
    is_connected: bool,
    user: User | None,
    now: dt.datetime,
) -> None:
    """Tie a merchant to its Stripe account, for the first time or again. Only the id is kept.

    Raises:
        AccountConflict: it has another account already, or the account another merchant.
    """
    with transaction.atomic(durable=True):
        locked = Merchant.objects.select_for_update().get(pk=merchant.pk)
        if locked.stripe_account_id not in ("", stripe_account_id):
            raise AccountConflict(
                f"{locked.name} belongs to {locked.stripe_account_id}; its history would mix."
            )
        others = Merchant.objects.for_account(account_id=stripe_account_id, livemode=livemode)
        if others.exclude(pk=merchant.pk).exists():
            raise AccountConflict(f"{stripe_account_id} belongs to another merchant already.")
        for row in (locked, merchant):
            row.stripe_account_id, row.livemode = stripe_account_id, livemode
            row.is_connected, row.detached_at = is_connected, None
        locked.save(update_fields=["stripe_account_id", "livemode", "is_connected", "detached_at"])
        record_audit(
            merchant=locked,
            user=user,
            action="stripe.connected",
            subject=stripe_account_id,
            at=now,
        )


def save_preferences(
    *, merchant: Merchant, time_zone: str, locale: str, user: User, now: dt.datetime
) -> bool:
    """Keep a merchant's zone and locale; True where the zone is another than before.

    Whoever keeps figures by day must count them anew then: call it in their transaction.
    """
    locked = Merchant.objects.select_for_update().get(pk=merchant.pk)
    before: dict[str, object] = {"time_zone": locked.time_zone, "locale": locked.locale}
    after: dict[str, object] = {"time_zone": time_zone, "locale": locale}
    if before == after:
        return False
    for row in (locked, merchant):
        row.time_zone, row.locale = time_zone, locale
    locked.save(update_fields=["time_zone", "locale"])
    record_audit(
        merchant=locked, user=user, action="preferences.save", at=now, before=before, after=after
    )
    return before["time_zone"] != time_zone


def set_charging(*, merchant: Merchant, on: bool, user: User, now: dt.datetime) -> bool:
    """Switch a merchant's charging on or off; False where somebody was first.

    It holds for everything sent from now on. What is under way at Stripe still gets recorded.
    """
    with transaction.atomic():
        locked = Merchant.objects.select_for_update().get(pk=merchant.pk)
        if locked.charging_on == on:
            return False
        locked.charging_on = on
        locked.save(update_fields=["charging_on"])
        record_audit(
            merchant=locked,
            user=user,
            action="merchant.charging",
            at=now,
            before={"charging_on": not on},
            after={"charging_on": on},
        )
    merchant.charging_on = on
    return True


def set_charging_of_all(*, on: bool, reason: str, by: str, now: dt.datetime) -> bool:
    """Switch charging on or off for every merchant; False if it stood so already.

    The merchants' own switches stay as they are. `by` is on record as "operator (name)".
    """
    with transaction.atomic(durable=True):
        installation = _lock_installation()
        if installation.charging_on == on:
            return False
        installation.charging_on, installation.charging_changed_at = on, now
        installation.charging_reason = reason[:300]
        installation.save()
        AuditEntry.objects.bulk_create(
            AuditEntry(
                merchant=merchant,
                actor=f"operator ({by})"[:254],
                action="installation.charging",
                before={"charging_on": not on},
                after={"charging_on": on, "reason": reason},
                at=now,
            )
            for merchant in Merchant.objects.order_by("id")
        )
    logger.warning("Charging is %s for everybody. %s", "on" if on else "off", reason)
    return True


def set_attached(
    *, merchant: Merchant, attached: bool, now: dt.datetime, user: User | None = None
) -> None:
    """Note that a connected account took our access back, or gave it again."""
    action = "merchant.attached" if attached else "merchant.detached"
    _note_since("detached_at", not attached, action, merchant=merchant, now=now, user=user)


def note_refused(*, merchant: Merchant, refused: bool, now: dt.datetime) -> None:
    """Note that Stripe refuses our calls for a merchant, or takes them again.

    While it does nothing is charged for them, so that one refusal stops all their work.
    """
    action = "merchant.refused" if refused else "merchant.accepted"
    _note_since("refused_at", refused, action, merchant=merchant, now=now)


def _note_since(
    field: str,
    holds: bool,
    action: str,
    *,
    merchant: Merchant,
    now: dt.datetime,
    user: User | None = None,
) -> None:
    """Keep since when something holds, None if it does not; what was noted already stays."""
    with transaction.atomic():
        changed = Merchant.objects.filter(pk=merchant.pk, **{f"{field}__isnull": holds})
        if changed.update(**{field: now if holds else None}):
            record_audit(merchant=merchant, user=user, action=action, at=now)


def note_alive(*, real_now: dt.datetime, now: dt.datetime) -> None:
    """Note that the engine runs on this database; called every few seconds by its processes.

    If the last note is too old, or was written in another copy of the database, the time between
    is a gap: nobody is charged until everything open was read again. `now` is business time.
    """
    mark = database_mark()
    stored = Installation.objects.current()
    is_same_copy = not mark or stored.database_mark == mark
    if stored.alive_at and real_now - stored.alive_at < SAY_AGAIN and is_same_copy:
        return
    with transaction.atomic():
        installation = _lock_installation()
        before = installation.alive_at
        if before is not None and real_now - before > LONGEST_GAP:
            _demand(
                installation,
                why=f"nothing ran on this database since {before:%Y-%m-%d %H:%M} UTC",
                now=now,
            )
        elif mark and installation.database_mark not in ("", mark):
            _demand(installation, why="this is another copy of the database", now=now)
        installation.alive_at = real_now
        installation.database_mark = mark or installation.database_mark
        installation.save()


def demand_reconciliation(*, why: str, now: dt.datetime) -> None:
    """Charge nobody until everything open was read at Stripe again; `now` is business time."""
    with transaction.atomic():
        installation = _lock_installation()
        _demand(installation, why=why, now=now)
        installation.save()


def note_reconciled(*, merchant: Merchant, since: dt.datetime, now: dt.datetime) -> None:
    """Note that a merchant's open payments were compared with Stripe after the demand `since`."""
    with transaction.atomic():
        changed = Merchant.objects.filter(pk=merchant.pk).exclude(reconciled_at__gte=since)
        if changed.update(reconciled_at=since):
            record_audit(
                merchant=merchant,
                user=None,
                action="merchant.reconciled",
                at=now,
                after={"since": since.isoformat()},
            )


def database_mark() -> str:
    """Name this copy of the database: a restored one, or a promoted replica, is another.

    The cluster's identity, its timeline (one more after each recovery to a point in time and each
    failover) and the table's own number (another after a dump was read in). "" where the server
    does not tell; then only the time without a sign of life speaks.

    Source: https://www.postgresql.org/docs/current/functions-info.html
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT concat_ws('.', (SELECT system_identifier FROM pg_control_system()),"
                " (SELECT timeline_id FROM pg_control_checkpoint()),"
                " (SELECT oid FROM pg_database WHERE datname = current_database()),"
                " %s::regclass::oid)",
                [Installation._meta.db_table],
            )
            return str(cursor.fetchone()[0])
    except DatabaseError:
        return ""


def _lock_installation() -> Installation:
    return Installation.objects.select_for_update().get_or_create(pk=1)[0]


def _demand(installation: Installation, *, why: str, now: dt.datetime) -> None:
    installation.reconcile_since = now
    logger.warning("Nobody is charged until every open payment was compared with Stripe: %s.", why)
