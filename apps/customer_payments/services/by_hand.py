"""What a person does to access: revoke, give back, hold the next step, let it go on."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.customer_payments.models import Access, AccessStep
from apps.customer_payments.services.changing import change
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event
from apps.subscriptions.models import Subscription
from apps.subscriptions.services import ENDED

State, Status = Access.State, AccessStep.Status


class NotNow(Exception):
    """The action is not possible in the present state; the text says why."""


def revoke(*, merchant: Merchant, subscription_id: str, user: User, now: dt.datetime) -> None:
    """Take a customer's access to what a subscription pays for, until a person gives it back.

    Billing goes on.

    Raises:
        NotNow: access is revoked already.
        Subscription.DoesNotExist: this merchant has no such subscription.
    """
    with transaction.atomic(durable=True):
        row, case, access = _lock(merchant=merchant, subscription_id=subscription_id, now=now)
        if access.state == State.REVOKED and access.revoked_by_case_id is None:
            raise NotNow("Access is revoked already.")
        _drop_steps(access, "A person revoked access.", now)
        access.revoked_by_case_id = None
        change(
            access=access,
            state=State.REVOKED,
            reason=f"By {user.display_name}.",
            now=now,
            case=case,
            key=f"access_revoked_by_hand:{now.isoformat()}",
            actor=user.email,
            triggers_automations=True,
        )
        _audit(row=row, user=user, action="access.revoke", now=now)


def grant(*, merchant: Merchant, subscription_id: str, user: User, now: dt.datetime) -> None:
    """Give access back, whoever took it. The present failure does not take it again.

    Raises:
        NotNow: the customer has full access already.
        Subscription.DoesNotExist: this merchant has no such subscription.
    """
    with transaction.atomic(durable=True):
        row, case, access = _lock(merchant=merchant, subscription_id=subscription_id, now=now)
        has_ended = row.status in ENDED and row.status != Subscription.Status.COMPLETED
        if access.state in Access.FULL and not (has_ended and access.state == State.GRANTED):
            raise NotNow("The customer has full access already.")
        _drop_steps(access, "A person gave access back.", now)
        access.revoked_by_case_id = None
        change(
            access=access,
            state=State.KEPT if has_ended else State.GRANTED,
            reason=f"By {user.display_name}.",
            now=now,
            case=case,
            key=f"access_granted_by_hand:{now.isoformat()}",
            actor=user.email,
            triggers_automations=True,
        )
        _audit(row=row, user=user, action="access.grant", now=now)


def hold(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> None:
    """Keep a case's planned steps from happening until somebody lets them go on.

    Raises:
        NotNow: nothing is planned for this case.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    _switch(merchant=merchant, case_id=case_id, user=user, now=now, held=True)


def release(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> None:
    """Let a case's held steps happen at their time; what is due already happens at once.

    Raises:
        NotNow: nothing is held for this case.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    _switch(merchant=merchant, case_id=case_id, user=user, now=now, held=False)


def _switch(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime, held: bool) -> None:
    before, after = (Status.PLANNED, Status.HELD) if held else (Status.HELD, Status.PLANNED)
    with transaction.atomic(durable=True):
        case = (
            RecoveryCase.objects.for_merchant(merchant)
            .select_for_update(of=("self",))
            .select_related("merchant")
            .get(pk=case_id)
        )
        steps = case.access_steps.filter(status=before).exclude(state=AccessStep.State.ENDED)
        if not steps.update(status=after, note=f"Held by {user.email}" if held else ""):
            raise NotNow("No step is planned." if held else "No step is held.")
        text = "Access stays as it is: held by {who}." if held else "Held no longer, says {who}."
        append_event(
            case=case,
            kind=CaseEvent.Kind.ACCESS_HELD,
            key=f"access_held:{case.events.filter(kind=CaseEvent.Kind.ACCESS_HELD).count() + 1}",
            at=now,
            actor=user.email,
            text=text.format(who=user.display_name),
            data={"held": held},
        )
        record_audit(
            merchant=merchant,
            user=user,
            action="access.hold" if held else "access.release",
            at=now,
            subject=case.stripe_invoice_id,
        )


def _lock(
    *, merchant: Merchant, subscription_id: str, now: dt.datetime
) -> tuple[Subscription, RecoveryCase | None, Access]:
    """Lock what a person's action touches: the case first, then the access."""
    row = Subscription.objects.for_merchant(merchant).get(stripe_subscription_id=subscription_id)
    case = (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(stripe_subscription_id=subscription_id)
        .select_for_update(of=("self",))
        .select_related("merchant")
        .order_by("-opened_at", "-id")
        .first()
    )
    access, _ = Access.objects.select_for_update().get_or_create(
        merchant=merchant,
        stripe_customer_id=row.stripe_customer_id,
        stripe_product_id=row.stripe_product_id,
        defaults={"stripe_subscription_id": subscription_id, "changed_at": now},
    )
    access.stripe_subscription_id = subscription_id
    return row, case, access


def _drop_steps(access: Access, note: str, now: dt.datetime) -> None:
    AccessStep.objects.waiting().filter(access=access).update(
        status=Status.DROPPED, settled_at=now, note=note
    )


def _audit(*, row: Subscription, user: User, action: str, now: dt.datetime) -> None:
    record_audit(
        merchant=row.merchant,
        user=user,
        action=action,
        at=now,
        subject=row.stripe_subscription_id,
    )
