"""From what was read and what we know of our own to the facts a decision is made of."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db.models import Q

from apps.customers.models import Customer, PaymentMethod
from apps.customers.payers import Payer
from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry
from apps.dunning.money import Money
from apps.recovery.backups import backup_was_used, backups_of
from apps.recovery.models import Attempt, RecoveryCase, Try
from apps.recovery.near import CARD_WINDOW, Near
from apps.stripe_gateway.facts import InvoiceFacts

# Stripe's next try may be set a little after a first failure (billing automations), so a missing
# time is no proof yet that Stripe has stopped.
# Source: https://docs.stripe.com/billing/automations
NEXT_TRY_GRACE = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Seen:
    """What of an invoice decides its future; kept on the case, so that pages need no call."""

    status: str
    remaining: Money
    automatic: bool
    auto_advance: bool
    next_payment_attempt: dt.datetime | None
    processing: bool
    requires_action: bool
    subscription_status: str
    method: Method | None
    attempt_count: int = 0

    @classmethod
    def of(cls, invoice: InvoiceFacts) -> "Seen":
        """Take from a read what a decision needs."""
        return cls(
            status=invoice.status,
            remaining=invoice.amount_remaining,
            automatic=invoice.collection_method == "charge_automatically",
            auto_advance=invoice.auto_advance,
            next_payment_attempt=invoice.next_payment_attempt,
            processing=invoice.processing,
            requires_action=invoice.requires_action,
            subscription_status=invoice.subscription.standing if invoice.subscription else "",
            method=invoice.method,
            attempt_count=invoice.attempt_count,
        )

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values, to be kept on a case."""
        values = asdict(self)
        values["next_payment_attempt"] = _iso(self.next_payment_attempt)
        if self.method is not None:
            values["method"]["changed_at"] = _iso(self.method.changed_at)
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Seen":
        """Read what `to_json` wrote."""
        method = values["method"]
        if method is not None:
            method = Method(**{**method, "changed_at": _moment(method["changed_at"])})
        return cls(
            **{
                **values,
                "remaining": Money(**values["remaining"]),
                "next_payment_attempt": _moment(values["next_payment_attempt"]),
                "method": method,
            }
        )


def case_facts(
    *,
    case: RecoveryCase,
    seen: Seen,
    now: dt.datetime,
    near: Near | None = None,
    kept: Sequence[Try] | None = None,
) -> CaseFacts:
    """Gather everything the policy may look at; a handful of queries, no call.

    `near` is what the caller has read already, so that it is not asked for again; `kept` are those
    of `tries_of`, where the caller has no more than these.
    """
    if near is not None:
        kept = near.tries
    rows = tries_of(case) if kept is None else kept
    tries = tuple(payment_try(one) for one in rows if one.status != Try.Status.PENDING)
    if seen.requires_action and not _awaits_authentication(tries):
        # A charge that waits for 3-D Secure has not failed; for the policy it is the same refusal.
        asked_at = max([case.failed_at, *(one.at for one in tries)])
        tries += (PaymentTry(asked_at, False, Decline("authentication_required")),)
    method = _method(case=case, method=seen.method, near=near)
    behind = is_behind_another(case)
    return CaseFacts(
        invoice_status=seen.status,
        amount_remaining=seen.remaining,
        first_failed_at=case.failed_at,
        tries=tries,
        retries_made=case.retries_made,
        method=method,
        zone=_zone(near.payer, case) if near else customer_zone(case),
        collected_automatically=seen.automatic,
        subscription_status=seen.subscription_status,
        provider_next_try_at=seen.next_payment_attempt,
        provider_has_retries=_provider_has_retries(case=case, seen=seen, tries=tries, now=now),
        card_tries=_card_tries(case=case, method=method, now=now, near=near),
        elsewhere=_elsewhere(case=case, method=method, near=near),
        processing=seen.processing,
        reference=case.stripe_invoice_id,
        recurring=case.kind != RecoveryCase.Kind.ONE_OFF,
        behind_another=behind,
        older_instalment=behind and case.kind == RecoveryCase.Kind.PAYMENT_PLAN,
        account_attached=case.merchant.detached_at is None,
        backups=backups_of(case, now=now, methods=near.methods if near else None),
        backup_used=backup_was_used(case, attempts=near.attempts if near else None),
    )


def tries_of(case: RecoveryCase) -> list[Try]:
    """Give the kept tries of a case's invoice, oldest first, each with our attempt if it was ours."""
    return list(
        Try.objects.filter(merchant_id=case.merchant_id, stripe_invoice_id=case.stripe_invoice_id)
        .select_related("attempt")
        .order_by("at", "id")
    )


def is_behind_another(case: RecoveryCase) -> bool:
    """Say whether another invoice of the case's subscription is to be paid first.

    Only the newest invoice of a subscription ends its being past due; a payment plan collects its
    oldest missed instalment first.
    Source: https://docs.stripe.com/billing/subscriptions/overview
    """
    if not case.stripe_subscription_id:
        return False
    others = RecoveryCase.objects.filter(
        merchant_id=case.merchant_id, stripe_subscription_id=case.stripe_subscription_id
    )
    if case.kind == RecoveryCase.Kind.PAYMENT_PLAN:
        older = Q(failed_at__lt=case.failed_at) | Q(failed_at=case.failed_at, pk__lt=case.pk)
        return others.open().filter(older).exists()
    return others.filter(failed_at__gt=case.failed_at).exists()


def customer_zone(case: RecoveryCase) -> str:
    """Name the customer's time zone, else the merchant's."""
    zone = (
        Customer.objects.filter(
            merchant_id=case.merchant_id, stripe_customer_id=case.stripe_customer_id
        )
        .values_list("time_zone", flat=True)
        .first()
    )
    return zone or case.merchant.time_zone


def _zone(payer: Payer | None, case: RecoveryCase) -> str:
    return (payer.time_zone if payer else "") or case.merchant.time_zone


def payment_try(one: Try) -> PaymentTry:
    """Give a kept try as the policy reads it."""
    return PaymentTry(
        at=one.at,
        succeeded=one.status == Try.Status.SUCCEEDED,
        decline=one.decline,
        method_reference=one.stripe_payment_method_id,
        fingerprint=one.fingerprint,
        method_type=one.method_type or "card",
        reached_network=one.reached_network,
        moves_schedule=one.attempt is None or one.attempt.uses_step,
        backup=one.attempt is not None and one.attempt.trigger == Attempt.Trigger.BACKUP,
    )


def _awaits_authentication(tries: tuple[PaymentTry, ...]) -> bool:
    last = max(tries, key=lambda one: one.at, default=None)
    return bool(last and last.decline and last.decline.reason == "authentication_required")


def _method(*, case: RecoveryCase, method: Method | None, near: Near | None) -> Method | None:
    """Add when its data last changed: events told us, the read alone does not."""
    if method is None:
        return None
    if near:
        row = near.method(method.reference)
        return (
            replace(method, changed_at=row.data_changed_at)
            if row and row.data_changed_at
            else method
        )
    changed_at = (
        PaymentMethod.objects.filter(
            merchant_id=case.merchant_id, stripe_payment_method_id=method.reference
        )
        .values_list("data_changed_at", flat=True)
        .first()
    )
    return replace(method, changed_at=changed_at) if changed_at else method


def _provider_has_retries(
    *, case: RecoveryCase, seen: Seen, tries: tuple[PaymentTry, ...], now: dt.datetime
) -> bool:
    if not seen.auto_advance:
        return False
    if seen.next_payment_attempt is not None:
        return True
    return now - max([case.failed_at, *(one.at for one in tries)]) < NEXT_TRY_GRACE


def _card_tries(
    *, case: RecoveryCase, method: Method | None, now: dt.datetime, near: Near | None
) -> tuple[dt.datetime, ...]:
    if method is None or not method.fingerprint:
        return ()
    if near:
        since = now - CARD_WINDOW
        return tuple(one.at for one in near.card_tries if one.reached_network and one.at > since)
    return tuple(
        Try.objects.filter(
            merchant_id=case.merchant_id,
            fingerprint=method.fingerprint,
            reached_network=True,
            at__gt=now - CARD_WINDOW,
        )
        .order_by("at")
        .values_list("at", flat=True)
    )


def _elsewhere(
    *, case: RecoveryCase, method: Method | None, near: Near | None
) -> PaymentTry | None:
    """Find what came of the card's newest charge for any other invoice."""
    if method is None or not method.fingerprint:
        return None
    if near:
        return next((payment_try(one) for one in reversed(near.elsewhere(case))), None)
    newest = (
        Try.objects.filter(merchant_id=case.merchant_id, fingerprint=method.fingerprint)
        .exclude(status=Try.Status.PENDING)
        .exclude(stripe_invoice_id=case.stripe_invoice_id)
        .select_related("attempt")
        .order_by("-at", "-id")
        .first()
    )
    return payment_try(newest) if newest else None


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
