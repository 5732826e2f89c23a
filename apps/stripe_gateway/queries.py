"""Facts from the mirror: what rebuilding the read models starts from. No call to Stripe.

What dj-stripe keeps of one account, oldest first, and in its place the newer answer that still
waits for the mirror; rows walk in batches, not all at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from apps.dunning.facts import Method
from apps.stripe_gateway.facts import ChargeFacts, CustomerFacts, InvoiceFacts, SubscriptionFacts
from apps.stripe_gateway.mirror import MODELS
from apps.stripe_gateway.models import MirrorBacklog, ProductName
from apps.stripe_gateway.readers.charges import charge_facts
from apps.stripe_gateway.readers.common import Json, ident
from apps.stripe_gateway.readers.customers import customer_facts
from apps.stripe_gateway.readers.invoices import intent_ids_of, invoice_facts
from apps.stripe_gateway.readers.methods import method_from
from apps.stripe_gateway.readers.subscriptions import subscription_facts
from apps.stripe_gateway.transport import StripeAccount

BATCH = 200


def stored_customers(*, account: StripeAccount) -> Iterator[CustomerFacts]:
    for answer in _answers("customer", account):
        yield customer_facts(answer)


def stored_methods(*, account: StripeAccount) -> Iterator[tuple[Method, str]]:
    """Give every payment method with its customer's id ("" when detached)."""
    for answer in _answers("payment_method", account):
        method = method_from(answer)
        if method is not None:
            yield method, ident(answer, "customer")


def stored_subscriptions(*, account: StripeAccount) -> Iterator[SubscriptionFacts]:
    names = _names(account)
    for answer in _answers("subscription", account):
        yield subscription_facts(answer, product_names=names)


def stored_invoices(*, account: StripeAccount) -> Iterator[InvoiceFacts]:
    """Give every invoice as its last read saw it, with all its charges that are mirrored."""
    names = _names(account)
    batch: list[Json] = []
    for answer in _answers("invoice", account):
        batch.append(answer)
        if len(batch) == BATCH:
            yield from _with_charges(account, batch, names)
            batch = []
    yield from _with_charges(account, batch, names)


def stored_charges_without_invoice(*, account: StripeAccount) -> Iterator[ChargeFacts]:
    """Give the charges that no mirrored invoice accounts for."""
    of_invoices = {
        intent for answer in _answers("invoice", account) for intent in intent_ids_of(answer)
    }
    for answer in _answers("charge", account):
        facts = charge_facts(answer)
        if not facts.invoice_id and facts.tried.payment_intent_id not in of_invoices:
            yield facts


def _with_charges(
    account: StripeAccount, invoices: list[Json], names: Mapping[str, str]
) -> Iterator[InvoiceFacts]:
    intents = {ident(answer, "id"): intent_ids_of(answer) for answer in invoices}
    wanted = [one for of_invoice in intents.values() for one in of_invoice]
    found: dict[str, Json] = {
        ident(answer, "id"): answer
        for answer in _mirrored("charge", account)
        .filter(payment_intent_id__in=wanted)
        .values_list("stripe_data", flat=True)
    }
    found |= {
        ident(answer, "id"): answer
        for answer in _waiting("charge", account)
        .filter(answer__payment_intent__in=wanted)
        .values_list("answer", flat=True)
    }
    charges: dict[str, list[Json]] = defaultdict(list)
    for answer in found.values():
        charges[ident(answer, "payment_intent")].append(answer)
    for answer in invoices:
        own = [charge for one in intents[ident(answer, "id")] for charge in charges[one]]
        yield invoice_facts(answer, charges=own, product_names=names)


def _answers(kind: str, account: StripeAccount) -> Iterator[Json]:
    """Give the newest answer about each object of a kind: mirrored, or still waiting for it."""
    waiting: dict[str, Json] = dict(
        _waiting(kind, account).order_by("id").values_list("stripe_id", "answer")
    )
    rows = _mirrored(kind, account).order_by("created", "id").values_list("id", "stripe_data")
    for stripe_id, answer in rows.iterator(chunk_size=BATCH):
        yield waiting.pop(stripe_id, answer)
    yield from waiting.values()


def _mirrored(kind: str, account: StripeAccount) -> QuerySet[Any]:
    rows: QuerySet[Any] = MODELS[kind].objects.filter(
        djstripe_owner_account_id=account.stripe_account_id, livemode=account.livemode
    )
    return rows


def _waiting(kind: str, account: StripeAccount) -> QuerySet[MirrorBacklog]:
    return MirrorBacklog.objects.filter(
        stripe_account_id=account.stripe_account_id, livemode=account.livemode, kind=kind
    )


def _names(account: StripeAccount) -> Mapping[str, str]:
    rows = ProductName.objects.filter(
        stripe_account_id=account.stripe_account_id, livemode=account.livemode
    )
    return dict(rows.values_list("stripe_product_id", "name"))
