"""Change one access: the row, its event, the subscription's column and the case's timeline."""

import datetime as dt
from typing import Literal

from apps.customer_payments.models import Access, AccessEvent
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event
from apps.subscriptions import services as subscriptions

Kind, State = CaseEvent.Kind, Access.State

_KINDS = {
    State.GRANTED: Kind.ACCESS_GRANTED,
    State.KEPT: Kind.ACCESS_GRANTED,
    State.BANNER: Kind.ACCESS_LIMITED,
    State.LIMITED: Kind.ACCESS_LIMITED,
    State.REVOKED: Kind.ACCESS_REVOKED,
}
_WORDS = {
    State.GRANTED: "Access to {offer} given back",
    State.KEPT: "Access to {offer} is kept although the subscription ended",
    State.BANNER: "Access to {offer} goes on, with a notice of the failed payment",
    State.LIMITED: "Access to {offer} limited",
    State.REVOKED: "Access to {offer} revoked",
}


def access_of(*, case: RecoveryCase, now: dt.datetime) -> Access:
    """Lock the access a case is about, making the row if this is its first. Locks after the case."""
    access, _ = Access.objects.select_for_update().get_or_create(
        merchant=case.merchant,
        stripe_customer_id=case.stripe_customer_id,
        stripe_product_id=case.stripe_product_id,
        defaults={"stripe_subscription_id": case.stripe_subscription_id, "changed_at": now},
    )
    return access


def change(
    *,
    access: Access,
    state: Access.State,
    reason: str,
    now: dt.datetime,
    case: RecoveryCase | None = None,
    key: str = "",
    actor: str = "",
    case_event_id: int | None = None,
    triggers_automations: bool = False,
) -> None:
    """Write one change everywhere it shows; nothing if it stands so already by the same hand.

    `actor` names a person, "" Recoup. `key` makes the case event one. The caller holds the locks
    of the case, if there is one, and of the access, and set `revoked_by_case_id`.
    """
    before = Access.State(access.state)
    if before == state and access.changed_by == (actor or "Recoup"):
        access.save()
        return
    access.state, access.changed_at = state, now
    access.changed_by, access.is_automatic = actor or "Recoup", not actor
    access.save()
    AccessEvent.objects.create(
        access=access,
        state=state,
        before=before,
        at=now,
        actor=actor or "Recoup",
        reason=reason[:300],
        case_id=case.pk if case else None,
        case_event_id=case_event_id,
        triggers_automations=triggers_automations,
    )
    subscriptions.set_access(
        merchant=access.merchant,
        subscription_id=access.stripe_subscription_id,
        access=state,
        by=actor or "Recoup",
    )
    if case is not None:
        how: Literal["by hand", "automatic"] = "by hand" if actor else "automatic"
        words = _WORDS[state].format(offer=case.offer_name or "the offer")
        append_event(
            case=case,
            kind=_KINDS[state],
            key=key,
            at=now,
            actor=actor or "Recoup",
            text=f"{words} ({how}). {reason}",
            data={"state": state, "triggers_automations": triggers_automations},
        )
