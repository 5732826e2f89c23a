"""What lies around a case, read once, so that the parts of its page ask for nothing twice."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from apps.customers.models import PaymentMethod
from apps.customers.payers import Payer, payer_of
from apps.recovery.models import Attempt, RecoveryCase, Try

CARD_WINDOW = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Near:
    """Rows around a case.

    `tries` are those of its invoice, oldest first; `card_tries` those of the card that would be
    charged next, over all invoices, oldest first: all of the last 30 days, and before them at least
    the newest of another invoice. `methods` are all that the customer has on file, and the one that
    would be charged. `attempts` come in their order.
    """

    payer: Payer | None
    tries: Sequence[Try]
    card_tries: Sequence[Try]
    methods: Sequence[PaymentMethod]
    attempts: Sequence[Attempt]

    def method(self, reference: str) -> PaymentMethod | None:
        """Return a method on file by Stripe's id."""
        return next(
            (one for one in self.methods if one.stripe_payment_method_id == reference), None
        )

    def elsewhere(self, case: RecoveryCase) -> list[Try]:
        """Return the settled tries of the card for other invoices, oldest first."""
        return [
            one
            for one in self.card_tries
            if one.stripe_invoice_id != case.stripe_invoice_id and one.status != Try.Status.PENDING
        ]


def near(case: RecoveryCase, *, now: dt.datetime) -> Near:
    """Read what lies around a case annotated with its `payer`; three queries."""
    method = (case.seen or {}).get("method") or {}
    reference, fingerprint = method.get("reference", ""), method.get("fingerprint", "")
    own = Q(stripe_invoice_id=case.stripe_invoice_id)
    wanted = own
    if fingerprint:
        same_card = Try.objects.filter(merchant_id=case.merchant_id, fingerprint=fingerprint)
        elsewhere = same_card.exclude(status=Try.Status.PENDING).exclude(own).order_by("-at", "-id")
        wanted |= Q(fingerprint=fingerprint, at__gt=now - CARD_WINDOW)
        wanted |= Q(pk=elsewhere.values("pk")[:1])
    rows = list(
        Try.objects.filter(wanted, merchant_id=case.merchant_id)
        .select_related("attempt")
        .order_by("at", "id")
    )
    on_file = Q(stripe_payment_method_id=reference)
    if case.stripe_customer_id:
        on_file |= Q(stripe_customer_id=case.stripe_customer_id)
    return Near(
        payer=payer_of(case),
        tries=[one for one in rows if one.stripe_invoice_id == case.stripe_invoice_id],
        card_tries=[one for one in rows if fingerprint and one.fingerprint == fingerprint],
        methods=list(PaymentMethod.objects.filter(on_file, merchant_id=case.merchant_id)),
        attempts=list(case.attempts.order_by("number")),
    )
