"""Facts from the mirror: what rebuilding the read models starts from. No call to Stripe.

Only what dj-stripe keeps of one account, oldest first; rows walk in batches, not all at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from djstripe import models as djstripe

from apps.stripe_gateway.facts import ChargeFacts, CustomerFacts, InvoiceFacts, SubscriptionFacts
from apps.stripe_gateway.models import ProductName
from apps.stripe_gateway.readers.charges import charge_facts
from apps.stripe_gateway.readers.common import Json, ident
from apps.stripe_gateway.readers.customers import customer_facts
from apps.stripe_gateway.readers.invoices import intents_of, invoice_facts
from apps.stripe_gateway.readers.subscriptions import subscription_facts
from apps.stripe_gateway.transport import StripeAccount

BATCH = 200


def stored_customers(*, account: StripeAccount) -> Iterator[CustomerFacts]:
    for answer in _answers(djstripe.Customer, account):
        yield customer_facts(answer)


def stored_subscriptions(*, account: StripeAccount) -> Iterator[SubscriptionFacts]:
    names = _names(account)
    for answer in _answers(djstripe.Subscription, account):
        yield subscription_facts(answer, product_names=names)


def stored_invoices(*, account: StripeAccount) -> Iterator[InvoiceFacts]:
    """Give every invoice as its last read saw it, with all its charges that are mirrored."""
    names = _names(account)
    batch: list[Json] = []
    for answer in _answers(djstripe.Invoice, account):
        batch.append(answer)
        if len(batch) == BATCH:
            yield from _with_charges(batch, names)
            batch = []
    yield from _with_charges(batch, names)


def stored_charges_without_invoice(*, account: StripeAccount) -> Iterator[ChargeFacts]:
    """Give the charges that no mirrored invoice accounts for."""
    of_invoices = {
        ident(intent, "id")
        for answer in _answers(djstripe.Invoice, account)
        for intent in intents_of(answer)
    }
    for answer in _answers(djstripe.Charge, account):
        facts = charge_facts(answer)
        if not facts.invoice_id and facts.tried.payment_intent_id not in of_invoices:
            yield facts


def _with_charges(invoices: list[Json], names: Mapping[str, str]) -> Iterator[InvoiceFacts]:
    intents = {
        ident(answer, "id"): [ident(intent, "id") for intent in intents_of(answer)]
        for answer in invoices
    }
    charges: dict[str, list[Json]] = defaultdict(list)
    wanted = [one for of_invoice in intents.values() for one in of_invoice]
    for answer in djstripe.Charge.objects.filter(payment_intent_id__in=wanted).values_list(
        "stripe_data", flat=True
    ):
        charges[ident(answer, "payment_intent")].append(answer)
    for answer in invoices:
        own = [charge for one in intents[ident(answer, "id")] for charge in charges[one]]
        yield invoice_facts(answer, charges=own, product_names=names)


def _answers(model: Any, account: StripeAccount) -> Iterator[Json]:
    rows: QuerySet[Any] = model.objects.filter(
        djstripe_owner_account_id=account.stripe_account_id, livemode=account.livemode
    ).order_by("created", "id")
    yield from rows.values_list("stripe_data", flat=True).iterator(chunk_size=BATCH)


def _names(account: StripeAccount) -> Mapping[str, str]:
    rows = ProductName.objects.filter(
        stripe_account_id=account.stripe_account_id, livemode=account.livemode
    )
    return dict(rows.values_list("stripe_product_id", "name"))
