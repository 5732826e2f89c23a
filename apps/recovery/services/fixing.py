"""A customer gave a better card: put it where the payment failed, and collect at once."""

import datetime as dt
import uuid
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.models import Merchant
from apps.dunning.facts import Method
from apps.dunning.guards import OLDER_INSTALMENT
from apps.dunning.words import method_name
from apps.recovery.facts import is_behind_another
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.queries.checks import retry_blocked
from apps.recovery.services.attempts import LEASE, claim
from apps.recovery.services.events import append_event
from apps.recovery.services.guarding import key_of_now
from apps.recovery.services.manual import OTHER_CHARGE
from apps.recovery.services.methods import CUSTOMER
from apps.recovery.services.observing import observe_invoice, refresh_case
from apps.recovery.services.planning import next_number
from apps.recovery.services.turns import wait_for_others
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import BadRequest, GatewayError, NotFound
from apps.stripe_gateway.facts import InvoiceFacts

Engine, Trigger = RecoveryCase.Engine, Attempt.Trigger

AGAIN = dt.timedelta(minutes=1)
"""How long a committed write may go unconfirmed before it is sent again."""

NO_FIELD = "customer.invoice_settings.default_payment_method"
"""Where a card goes if none was on file: Stripe takes it for every invoice of the customer."""

FIELD_WORDS = {
    "subscription": "as the card of the subscription",
    "customer": "as the customer's default",
    "invoice": "as the card of the invoice",
}


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a new payment method led to.

    `attempt_id` is a charge that is claimed and committed: hand it to a worker
    (`recovery.carry_out`), else the settling job finds it some minutes later. `offered` are older
    open cases of the customer that are not charged by themselves. `why_not` says, in words for
    the customer and the merchant, why nothing is charged now.
    """

    case_ids: tuple[int, ...] = ()
    attempt_id: int | None = None
    offered: tuple[int, ...] = ()
    why_not: str = ""


def fix_and_collect(
    *,
    merchant: Merchant,
    stripe_customer_id: str,
    payment_method_id: str = "",
    trigger: Attempt.Trigger = Trigger.METHOD_CHANGED,
    actor: str = "",
    now: dt.datetime,
) -> Fixed:
    """Write a customer's better payment method where payments failed; claim the newest invoice.

    `payment_method_id` "" means the customer's default for invoices. Of each open case the field
    that failed is changed, and no other; the wish is committed with its own idempotency key
    before it is sent, so a crash repeats it (`repeat_fixes`). Then the newest open invoice (the
    oldest instalment of a payment plan) is claimed for one charge with this trigger, past every
    guard rail. Safe to call twice: a card that was written and tried already is left alone.

    Cases that Stripe retries are left to Stripe, unless the customer asked in person (`link`).
    While charging is off nothing is sent; the wish waits.

    Raises:
        GatewayError: Stripe could not be asked; call again.
    """
    in_person = trigger in Attempt.ON_THE_SPOT
    cases = list(
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .filter(stripe_customer_id=stripe_customer_id, held_at=None)
        .exclude(**({} if in_person else {"engine": Engine.STRIPE}))
        .order_by("-failed_at", "-id")
    )
    if not cases:
        return Fixed(why_not="Nothing is open for this customer.")
    method = None
    if payment_method_id:
        method, owner = gateway.read_payment_method(
            account=merchant, payment_method_id=payment_method_id
        )
        if owner != stripe_customer_id:
            return Fixed(why_not="This payment method does not belong to the customer.")
    for case in cases:
        _fix(case=case, method=method, trigger=trigger, actor=actor, now=now)
    return _collect(cases=cases, trigger=trigger, actor=actor, now=now)


def repeat_fixes(*, now: dt.datetime, limit: int = 50) -> int:
    """Send committed writes again that were not confirmed; give back how many."""
    waiting = list(
        RecoveryCase.objects.open()
        .filter(fix_wanted_at__lte=now - AGAIN, merchant__in=Merchant.objects.charging())
        .select_related("merchant")
        .order_by("fix_wanted_at")[:limit]
    )
    for case in waiting:
        try:
            if _send(case=case, now=now):
                refresh_case(merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now)
        except GatewayError:
            RecoveryCase.objects.filter(pk=case.pk, fix_wanted_at__isnull=False).update(
                fix_wanted_at=now
            )
    return len(waiting)


def field_to_fix(*, invoice: InvoiceFacts, method: Method) -> str:
    """Name the field that holds the method which failed, if another belongs there; else "".

    A method that was not tried yet is left alone: somebody chose it after the failure. One that
    failed here already is no better one.
    """
    if invoice.status != "open" or invoice.method is None:
        return NO_FIELD if invoice.status == "open" else ""
    if invoice.method.reference == method.reference:
        return ""
    failed = [one for one in invoice.tries if one.status == "failed"]
    tried = {one.method.reference for one in failed if one.method is not None}
    if method.reference in tried:
        return ""
    return invoice.method_field if not tried or invoice.method.reference in tried else ""


def _fix(
    *,
    case: RecoveryCase,
    method: Method | None,
    trigger: Attempt.Trigger,
    actor: str,
    now: dt.datetime,
) -> None:
    merchant = case.merchant
    invoice = gateway.read_invoice(account=merchant, invoice_id=case.stripe_invoice_id)
    if method is None and invoice.customer is not None:
        method = invoice.customer.default_method
    field = field_to_fix(invoice=invoice, method=method) if method is not None else ""
    if field and method is not None:
        _want(case=case, invoice=invoice, method=method, field=field, by=(trigger, actor), now=now)
        if Merchant.objects.charging().filter(pk=merchant.pk).exists() and _send(
            case=case, now=now
        ):
            invoice = gateway.read_invoice(account=merchant, invoice_id=case.stripe_invoice_id)
    observe_invoice(merchant=merchant, invoice=invoice, now=now)


def _want(
    *,
    case: RecoveryCase,
    invoice: InvoiceFacts,
    method: Method,
    field: str,
    by: tuple[Attempt.Trigger, str],
    now: dt.datetime,
) -> None:
    """Commit the wish to change a field, with the key it will be sent under."""
    owner = field.split(".")[0]
    owners = {
        "subscription": invoice.subscription_id,
        "customer": invoice.customer_id,
        "invoice": invoice.id,
    }
    trigger, actor = by
    with transaction.atomic(durable=True):
        locked = RecoveryCase.objects.select_for_update().get(pk=case.pk)
        if locked.fix.get("method") == method.reference and locked.fix.get("field") == field:
            case.fix = locked.fix  # committed before, perhaps sent: the same key again
            return
        case.fix = {
            "method": method.reference,
            "field": field,
            "owner": owners[owner],
            "key": str(uuid.uuid4()),
            "since": now.isoformat(),
        }
        case.fix_wanted_at = now
        case.save(update_fields=["fix", "fix_wanted_at"])
        card = method_name(method.brand or method.type, method.last4)
        number = case.events.filter(kind=CaseEvent.Kind.METHOD_CHANGED).count() + 1
        append_event(
            case=case,
            kind=CaseEvent.Kind.METHOD_CHANGED,
            key=f"method_changed:{number}",
            at=now,
            text=f"{card} replaces the card that failed, {FIELD_WORDS[owner]}.",
            data={**case.fix, "trigger": trigger},
            actor=actor or CUSTOMER,
        )


def _send(*, case: RecoveryCase, now: dt.datetime) -> bool:
    """Send the committed write under its key. False: Stripe refused it, and it is dropped.

    Raises:
        GatewayError: nobody knows; the same key is sent again.
    """
    wish = case.fix
    since = dt.datetime.fromisoformat(wish["since"])
    try:
        gateway.set_default_method(
            account=case.merchant,
            field=wish["field"],
            owner_id=wish["owner"],
            payment_method_id=wish["method"],
            key=key_of_now(wish["key"], since=since, now=now),
        )
    except (BadRequest, NotFound) as refusal:
        _forget(case=case, wish=wish, why=f"Stripe refused the new card: {refusal}", now=now)
        return False
    _forget(case=case, wish=wish, why="", now=now)
    return True


def _forget(*, case: RecoveryCase, wish: dict[str, str], why: str, now: dt.datetime) -> None:
    with transaction.atomic(durable=True):
        locked = RecoveryCase.objects.select_for_update().get(pk=case.pk)
        if locked.fix.get("key") != wish["key"]:
            return  # another card came meanwhile
        locked.fix, locked.fix_wanted_at = {}, None
        locked.save(update_fields=["fix", "fix_wanted_at"])
        if why:
            append_event(
                case=locked,
                kind=CaseEvent.Kind.METHOD_CHANGED,
                key=f"method_refused:{wish['key']}",
                at=now,
                text=why,
                data={"refused": wish["method"]},
            )


def _collect(
    *, cases: list[RecoveryCase], trigger: Attempt.Trigger, actor: str, now: dt.datetime
) -> Fixed:
    """Claim one charge: the first in line that may be charged. One call at a time per customer."""
    first = [case for case in cases if not is_behind_another(case)]
    fixed = Fixed(
        case_ids=tuple(case.pk for case in cases),
        offered=tuple(case.pk for case in cases if case not in first),
    )
    why_not = "" if first else OLDER_INSTALMENT.text
    for case in first:
        attempt_id, why = _claim(case=case, trigger=trigger, actor=actor, now=now)
        if attempt_id is not None:
            return replace(fixed, attempt_id=attempt_id)
        why_not = why_not or why
    return replace(fixed, why_not=why_not)


def _claim(
    *, case: RecoveryCase, trigger: Attempt.Trigger, actor: str, now: dt.datetime
) -> tuple[int | None, str]:
    """Take the try that the new card planned; who asked in person gets one of their own."""
    planned = (
        Attempt.objects.due(now=now)
        .filter(case_id=case.pk)
        .exclude(trigger=Trigger.SCHEDULE)
        .first()
    )
    if planned is not None:
        Attempt.objects.filter(pk=planned.pk, status=Attempt.Status.SCHEDULED).update(
            trigger=trigger, asked_by=actor
        )
        if claim(attempt_id=planned.pk, now=now):
            return planned.pk, ""
        return None, "A charge is under way already."
    if trigger not in Attempt.ON_THE_SPOT:
        return None, ""
    try:
        with transaction.atomic(durable=True):
            locked = (
                RecoveryCase.objects.select_for_update(of=("self",))
                .select_related("merchant")
                .get(pk=case.pk)
            )
            blocked = retry_blocked(case=locked, now=now)
            if blocked:
                return None, blocked
            if wait_for_others(case=locked, now=now):
                return None, OTHER_CHARGE
            attempt = Attempt.objects.create(
                case=locked,
                number=next_number(locked),
                status=Attempt.Status.RUNNING,
                due_at=now,
                trigger=trigger,
                asked_by=actor,
                reasons=[{"code": "link", "text": "The customer gave a card and asked to pay."}],
                claimed_at=now,
                lease_until=timezone.now() + LEASE,
            )
    except IntegrityError:
        return None, "A charge is under way already."
    return attempt.pk, ""
