"""What customers, merchants and banks do of their own accord, at any moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from datetime import time
from typing import TYPE_CHECKING, Literal

from apps.customer_payments import services as customer_payments
from apps.dunning.mails.kinds import CHASE, MailKind
from apps.dunning.presets import PRESETS, RECOMMENDED
from apps.dunning.rules import FinalAction, RetryRules, Step, length
from apps.dunning_emails.services.settings import switch_kind
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase
from apps.retry_settings import services as retry_settings
from apps.stripe_gateway.errors import GatewayError
from sandbox import cards
from sandbox.billing import closing
from sandbox.errors import ConnectionLost
from sandbox.types import Obj

if TYPE_CHECKING:
    import random

    from sandbox.simulation.world import World

SOFT = (
    "insufficient_funds",
    "generic_decline",
    "do_not_honor",
    "processing_error",
    "try_again_later",
)
LIMITS = ("card_velocity_exceeded", "withdrawal_count_limit_exceeded")
HARD = ("lost_card", "stolen_card", "expired_card", "incorrect_number", "fraudulent")
ADVICE = ("24", "25", "26", "27", "01", "02", "03", "21", "")

FINAL_ACTIONS: tuple[FinalAction, ...] = ("cancel", "leave_past_due")
Where = Literal["customer", "subscription"]
WHERE: tuple[Where, ...] = ("customer", "subscription")

MAILS = (*CHASE, MailKind.ACCESS_REVOKED, MailKind.RECOVERED, MailKind.CANCELED)

LONGEST_SCHEDULE = dt.timedelta(days=22)
LONGEST_DRAWN = dt.timedelta(days=8)
SHORT_TABLE = RetryRules(
    "recoup",
    "decline_aware",
    table={
        "funds": (Step(24), Step(48, time(10), payday_within_days=1), Step(72)),
        "issuer": (Step(4), Step(20), Step(48)),
        "technical": (Step(1), Step(3), Step(20)),
        "limits": (Step(48),),
        "do_not_honor": (),
    },
    name="short table",
)


def behaviour(rng: random.Random) -> cards.Behaviour:
    """Choose how a card behaves from the renewal on; nearly all fail at first."""
    times = rng.choice((1, 1, 2, 3, 5, 9))
    kind = rng.random()
    if kind < 0.5:
        return cards.declines(rng.choice(SOFT), times=times)
    if kind < 0.6:
        return cards.declines(rng.choice(LIMITS), times=times)
    if kind < 0.72:
        return cards.declines(rng.choice(HARD))
    if kind < 0.8:
        return cards.declines(
            "insufficient_funds", times=times, network_advice_code=rng.choice(ADVICE)
        )
    if kind < 0.84:
        return cards.needs_authentication(as_decline=rng.random() < 0.5)
    if kind < 0.88:
        return cards.declines("generic_decline", advice_code="do_not_try_again")
    if kind < 0.92:
        return cards.updated_by_network()
    if kind < 0.96:
        return cards.declines("insufficient_funds")
    later = dt.timedelta(hours=rng.choice((2, 30, 96)))
    return [
        *cards.declines("insufficient_funds", times=1),
        *cards.settles_later(after=later, reason=rng.choice((None, "insufficient_funds"))),
    ]


def rules(rng: random.Random) -> RetryRules:
    """Choose who retries and when; mostly short schedules, so that lives are short."""
    kind = rng.random()
    if kind < 0.1:
        return PRESETS["stripe_smart"].rules
    if kind < 0.15:
        return RECOMMENDED
    if kind < 0.25:
        return SHORT_TABLE
    if kind < 0.35:
        short = [one.rules for one in PRESETS.values() if one.rules.strategy == "custom"]
        return rng.choice([one for one in short if one.horizon <= LONGEST_DRAWN])
    at = rng.choice((None, time(10), time(0, 1)))
    waits = [rng.choice((1, 2, 5, 24, 48, 72)) for _ in range(rng.randint(1, 8))]
    steps = tuple(Step(wait, at if wait >= 24 else None) for wait in waits)
    while length(steps) > LONGEST_DRAWN:
        steps = steps[:-1]
    action: FinalAction = rng.choice(FINAL_ACTIONS)
    return RetryRules("recoup", "custom", steps, final_action=action, name="drawn")


def switch_mails_on(world: World) -> None:
    """Let the merchant write to customers whose payment failed."""
    for kind in MAILS:
        switch_kind(merchant=world.merchant, kind=kind, on=True, user=None, now=world.now)


def new_card(world: World, customer: Obj) -> str:
    where: Where = world.rng.choice(WHERE)
    drawn = behaviour(world.rng) if world.rng.random() < 0.3 else cards.pays()
    world.sandbox.replace_card(customer, where=where, behaviour=drawn)
    return f"gives a new card for the {where}"


def corrected_card(world: World, customer: Obj) -> str:
    method = _card(world, customer)
    if method is None:
        return ""
    world.sandbox.update_card(method, exp_year=2031)
    return "corrects the card"


def network_update(world: World, customer: Obj) -> str:
    method = _card(world, customer)
    if method is None:
        return ""
    world.sandbox.update_by_network(method)
    return "has the card updated by the network"


def pays_in_person(world: World, customer: Obj) -> str:
    invoice = _open_invoice(world, customer)
    if invoice is None or _is_processing(world, invoice):
        return ""
    world.sandbox.customer_pays(invoice)
    return f"pays {invoice['id']} on the hosted page"


def authenticates(world: World, customer: Obj) -> str:
    invoice = _open_invoice(world, customer)
    if invoice is None or _is_processing(world, invoice) or not invoice["_payment_intent"]:
        return ""
    intent = world.sandbox.object("payment_intent", invoice["_payment_intent"])
    if intent["status"] != "requires_action":
        return ""
    world.sandbox.complete_authentication(invoice, succeeds=world.rng.random() < 0.7)
    return f"answers the bank about {invoice['id']}"


def cancels(world: World, customer: Obj) -> str:
    for subscription in world.sandbox.books().where("subscription", "customer", customer["id"]):
        if subscription["status"] in ("active", "past_due"):
            world.sandbox.cancel_subscription(subscription)
            return f"cancels {subscription['id']}"
    return ""


def invoice_closed(world: World, customer: Obj) -> str:
    invoice = _open_invoice(world, customer)
    if invoice is None or _is_processing(world, invoice):
        return ""
    how = world.rng.choice((closing.void, closing.mark_uncollectible, closing.pay_out_of_band))
    how(world.sandbox.books(), invoice)
    return f"has {invoice['id']} closed: {how.__name__}"


def refunded(world: World, customer: Obj) -> str:
    paid = [
        one
        for one in world.sandbox.books().where("charge", "customer", customer["id"])
        if one["status"] == "succeeded" and not one["refunded"] and not one["disputed"]
    ]
    if not paid:
        return ""
    charge = world.rng.choice(paid)
    if world.rng.random() < 0.5:
        world.sandbox.refund(charge)
        return f"is refunded {charge['id']}"
    world.sandbox.dispute(charge)
    return f"disputes {charge['id']}"


def stripe_retries_again(world: World, customer: Obj) -> str:
    invoice = _open_invoice(world, customer)
    if invoice is None:
        return ""
    try:
        world.ask("POST", f"/v1/invoices/{invoice['id']}", {"auto_advance": "true"})
    except ConnectionLost:
        return ""  # Stripe's dashboard is down as well
    world.note_retaken(invoice["id"])
    return f"has Stripe's own retries switched on again for {invoice['id']}"


def retry_now(world: World, customer: Obj) -> str:
    case = _case(world, customer)
    if case is None:
        return ""
    try:
        started = recovery.retry_now(
            merchant=world.merchant, case_id=case.pk, user=world.user, now=world.now
        )
    except recovery.NotNow as reason:
        return f"is not retried by hand: {reason}"
    world.broker.put("recovery.carry_out", kwargs={"attempt_id": started.attempt_id})
    return f"is retried by hand ({case.stripe_invoice_id})"


def stopped(world: World, customer: Obj) -> str:
    case = _case(world, customer)
    if case is None:
        return ""
    try:
        recovery.stop_case(merchant=world.merchant, case_id=case.pk, user=world.user, now=world.now)
    except recovery.NotNow as reason:
        return f"is not stopped: {reason}"
    return f"is stopped by a person ({case.stripe_invoice_id})"


def reopened(world: World, customer: Obj) -> str:
    case = (
        RecoveryCase.objects.filter(
            stripe_customer_id=customer["id"], end_reason="stopped_by_person"
        )
        .order_by("id")
        .first()
    )
    if case is None:
        return ""
    try:
        recovery.reopen(merchant=world.merchant, case_id=case.pk, user=world.user, now=world.now)
    except (recovery.NotNow, GatewayError) as reason:
        return f"is not opened again: {reason}"
    return f"is opened again ({case.stripe_invoice_id})"


def new_rules(world: World, customer: Obj) -> str:
    stored = retry_settings.stored_rules(world.merchant)
    drawn = rules(world.rng)
    retry_settings.save_rules(
        merchant=world.merchant,
        rules=drawn,
        expected_version=stored.version,
        user=world.user,
        now=world.now,
    )
    return f"'s merchant saves the rules {drawn.name}"


def new_switches(world: World, customer: Obj) -> str:
    current = customer_payments.settings_for(world.merchant)
    customer_payments.save_settings(
        merchant=world.merchant,
        revoke_on_failure=world.rng.random() < 0.7,
        grant_on_success=world.rng.random() < 0.8,
        expected_version=current.version,
        user=world.user,
        now=world.now,
    )
    return "'s merchant saves the access switches"


def switched_off(world: World, customer: Obj) -> str:
    world.switch_charging(on=False)
    world.later(dt.timedelta(hours=world.rng.choice((1, 6, 30))), world.switch_charging_on)
    return "'s merchant switches charging off"


Act = Callable[["World", Obj], str]

ACTS: dict[Act, int] = {
    new_card: 20,
    corrected_card: 8,
    network_update: 5,
    pays_in_person: 12,
    authenticates: 12,
    cancels: 6,
    invoice_closed: 6,
    refunded: 5,
    stripe_retries_again: 4,
    retry_now: 20,
    stopped: 4,
    reopened: 4,
    new_rules: 2,
    new_switches: 2,
    switched_off: 2,
}


def act(world: World, customer: Obj) -> None:
    """Let one thing happen to a customer."""
    wanted = world.focus.acts
    acts = {one: weight for one, weight in ACTS.items() if not wanted or one.__name__ in wanted}
    chosen: Act = world.rng.choices(list(acts), list(acts.values()))[0]
    words = chosen(world, customer)
    if words:
        world.tell(customer["id"], words)


def _card(world: World, customer: Obj) -> Obj | None:
    methods = world.sandbox.books().where("payment_method", "customer", customer["id"])
    return world.rng.choice(methods) if methods else None


def _open_invoice(world: World, customer: Obj) -> Obj | None:
    invoices = world.sandbox.books().where("invoice", "customer", customer["id"])
    return next((one for one in invoices if one["status"] == "open"), None)


def _is_processing(world: World, invoice: Obj) -> bool:
    intent = world.sandbox.books().find("payment_intent", invoice["_payment_intent"])
    return intent is not None and intent["status"] == "processing"


def _case(world: World, customer: Obj) -> RecoveryCase | None:
    cases = RecoveryCase.objects.open().filter(stripe_customer_id=customer["id"])
    return cases.order_by("id").first()
