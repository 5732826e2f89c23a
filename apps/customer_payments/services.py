"""Take access away on the first failed payment, give it back when the payment succeeds.

Revoking keeps billing and progress; automatic changes never trigger grant automations; only what
was taken automatically is given back, and a person's revoke stays.
"""

import datetime as dt

from django.db import transaction

from apps.accounts.models import AuditEntry, Merchant, User
from apps.accounts.services import record_audit
from apps.customer_payments.models import Access, AccessEvent, CustomerPaymentSettings
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event
from apps.subscriptions import services as subscriptions

Kind = CaseEvent.Kind


ACTION = "customer_payments.save"


class SettingsChanged(Exception):
    """Somebody else saved since the form was opened.

    `current` is what stands now; `by` and `at` say who saved it and when.
    """

    def __init__(self, *, current: CustomerPaymentSettings, saved: AuditEntry | None) -> None:
        super().__init__("Somebody changed these settings meanwhile.")
        self.current = current
        self.version = current.version
        self.by = saved.actor if saved else ""
        self.at = saved.at if saved else None


def settings_for(merchant: Merchant) -> CustomerPaymentSettings:
    """Give the merchant's switches; both off, version 0 and unsaved before the first save."""
    found = CustomerPaymentSettings.objects.filter(merchant=merchant).first()
    return found or CustomerPaymentSettings(merchant=merchant, version=0)


def save_settings(
    *,
    merchant: Merchant,
    revoke_on_failure: bool,
    grant_on_success: bool,
    expected_version: int,
    user: User | None,
    now: dt.datetime,
) -> CustomerPaymentSettings:
    """Keep the two switches; they hold for failures and payments from now on.

    Raises:
        SettingsChanged: another version than `expected_version` was saved since.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        current = settings_for(merchant)
        if current.version != expected_version:
            saved_by = AuditEntry.objects.filter(merchant=merchant, action=ACTION).first()
            raise SettingsChanged(current=current, saved=saved_by)
        before = _switches(current)
        current.revoke_on_failure = revoke_on_failure
        current.grant_on_success = grant_on_success
        current.version, current.updated_at = expected_version + 1, now
        current.save()
        record_audit(
            merchant=merchant,
            user=user,
            action=ACTION,
            at=now,
            before=before,
            after=_switches(current),
        )
    return current


def react_to(*, event: CaseEvent, now: dt.datetime) -> None:
    """Change access as a case event asks for, at most once per event.

    The caller holds a transaction, so that access, its event and the delivery stand together.
    """
    if event.is_silent:
        return
    if event.kind in (Kind.OPENED, Kind.TRY_FAILED) and event.data.get("counts_as_failure"):
        _revoke(event=event, now=now)
    elif event.kind == Kind.RECOVERED:
        _grant(event=event, now=now)


def _revoke(*, event: CaseEvent, now: dt.datetime) -> None:
    case = event.case
    if case.status != RecoveryCase.Status.OPEN or not case.stripe_subscription_id:
        return  # paid or closed meanwhile: never revoked while paid
    if not settings_for(case.merchant).revoke_on_failure:
        return
    if case.events.filter(kind=Kind.ACCESS_REVOKED).exists():
        return  # once per case: what a person gave back since stays given
    access, _ = Access.objects.select_for_update().get_or_create(
        merchant=case.merchant,
        stripe_customer_id=case.stripe_customer_id,
        stripe_product_id=case.stripe_product_id,
        defaults={"stripe_subscription_id": case.stripe_subscription_id, "changed_at": now},
    )
    if access.state == Access.State.REVOKED:
        return
    access.revoked_by_case_id = case.pk
    _change(access=access, state=Access.State.REVOKED, event=event, now=now)
    append_event(
        case=case,
        kind=Kind.ACCESS_REVOKED,
        key=f"access_revoked:{event.pk}",
        at=now,
        text=f"Access to {case.offer_name or 'the offer'} revoked (automatic).",
        data={"triggers_automations": False},
    )


def _grant(*, event: CaseEvent, now: dt.datetime) -> None:
    case = event.case
    taken = Access.objects.select_for_update().filter(
        merchant=case.merchant, revoked_by_case_id=case.pk
    )
    for access in taken:
        still_owed = _other_open_case(case)
        if still_owed is not None:
            # Another invoice of the same subscription is unpaid: its case holds the access now.
            access.revoked_by_case_id = still_owed.pk
            access.save(update_fields=["revoked_by_case_id"])
            continue
        if not settings_for(case.merchant).grant_on_success:
            continue
        access.revoked_by_case_id = None
        _change(access=access, state=Access.State.GRANTED, event=event, now=now)
        append_event(
            case=case,
            kind=Kind.ACCESS_GRANTED,
            key=f"access_granted:{event.pk}",
            at=now,
            text=f"Access to {case.offer_name or 'the offer'} given back (automatic).",
            data={"triggers_automations": False},
        )


def _other_open_case(case: RecoveryCase) -> RecoveryCase | None:
    return (
        RecoveryCase.objects.open()
        .filter(merchant=case.merchant, stripe_subscription_id=case.stripe_subscription_id)
        .exclude(pk=case.pk)
        .first()
    )


def _change(*, access: Access, state: Access.State, event: CaseEvent, now: dt.datetime) -> None:
    access.state, access.changed_at = state, now
    access.changed_by, access.is_automatic = "Recoup", True
    access.save()
    AccessEvent.objects.create(
        access=access,
        state=state,
        at=now,
        actor="Recoup",
        reason=event.text[:300],
        case_event_id=event.pk,
        triggers_automations=False,
    )
    subscriptions.set_access(
        merchant=access.merchant,
        subscription_id=access.stripe_subscription_id,
        access=state,
        by="Recoup",
    )


def _switches(settings: CustomerPaymentSettings) -> dict[str, object]:
    return {
        "revoke_on_failure": settings.revoke_on_failure,
        "grant_on_success": settings.grant_on_success,
    }
