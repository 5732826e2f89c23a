"""Lists of what an account has, a page of up to 100 at a time: for import and reconciliation.

One call a page. What is listed is kept for the mirror. A page's rows carry what must be joined
with other pages before it can be read: Stripe expands at most four levels, a list's `data`
included, which is not enough to reach an invoice's charges.

Source: https://docs.stripe.com/api/pagination, https://docs.stripe.com/api/expanding_objects
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.conf import settings

from apps.dunning.facts import Method
from apps.dunning.money import Money
from apps.stripe_gateway import mirror
from apps.stripe_gateway.connection import body_of, options, stripe_client
from apps.stripe_gateway.facts import ChargeFacts, CustomerFacts, InvoiceFacts, SubscriptionFacts
from apps.stripe_gateway.product_names import keep_names, known_names
from apps.stripe_gateway.readers.charges import EPOCH, charge_facts, invoice_named_by
from apps.stripe_gateway.readers.common import (
    Json,
    dig,
    expanded,
    ident,
    moment,
    money,
    own_id,
    rows,
    text,
    whole,
)
from apps.stripe_gateway.readers.customers import customer_facts
from apps.stripe_gateway.readers.invoices import intent_ids_of, invoice_facts, names_wanted
from apps.stripe_gateway.readers.methods import method_from
from apps.stripe_gateway.readers.subscriptions import product_ids, subscription_facts
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount, for_mirror

PAGE = 100

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page, newest first. `after` is where the next one starts; "" when this was the last.

    `reached` is when the oldest object of the page was created; None on an empty page.
    """

    rows: tuple[Row, ...]
    after: str
    reached: dt.datetime | None


@dataclass(frozen=True, slots=True)
class ListedCharge:
    """A charge as listed. `answer` is what was read, to be given back to `facts_of_invoice`."""

    id: str
    payment_intent_id: str
    invoice_id: str
    created_at: dt.datetime
    answer: Json


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """An invoice as listed, without its charges; those are found by `payment_intent_ids`.

    `paying_intent_ids` are the intents that paid it: each has a charge that succeeded.
    """

    id: str
    status: str
    created_at: dt.datetime
    payment_intent_ids: tuple[str, ...]
    paying_intent_ids: tuple[str, ...]
    answer: Json


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """What of an open invoice is compared with our own row."""

    id: str
    amount_due: Money
    amount_remaining: Money
    attempt_count: int


def list_products(*, account: StripeAccount, after: str = "") -> Page[str]:
    """List products by id; their names are kept."""
    answer = _list(account, lambda v1: v1.products, after, {})
    names = {own_id(one, "product"): text(one, "name") for one in rows(answer)}
    keep_names(account=account, names=names)
    mirror.keep(account=account, answer=answer)
    return _page(answer, tuple(names))


def list_customers(*, account: StripeAccount, after: str = "") -> Page[CustomerFacts]:
    """List customers with their default payment method for invoices."""
    answer = _list(
        account,
        lambda v1: v1.customers,
        after,
        {
            "expand": [
                "data.invoice_settings.default_payment_method",
                "data.default_source",
            ]
        },
    )
    found = tuple(rows(answer))
    defaults = (expanded(one, "invoice_settings", "default_payment_method") for one in found)
    _keep(account, answer, defaults)
    return _page(answer, tuple(customer_facts(one) for one in found))


def list_subscriptions(
    *, account: StripeAccount, after: str = "", status: str = "all"
) -> Page[SubscriptionFacts]:
    """List subscriptions, ended ones included, with their payment method and payment plan."""
    answer = _list(
        account,
        lambda v1: v1.subscriptions,
        after,
        {
            "status": status,
            "expand": ["data.default_payment_method", "data.default_source", "data.schedule"],
        },
    )
    found = tuple(rows(answer))
    _keep(account, answer, (expanded(one, "default_payment_method") for one in found))
    names = known_names(
        account=account, product_ids={name for one in found for name in product_ids(one)}
    )
    return _page(answer, tuple(subscription_facts(one, product_names=names) for one in found))


def list_payment_intents(
    *, account: StripeAccount, after: str = "", since: dt.datetime | None = None
) -> Page[tuple[Method, str]]:
    """List payment intents for the mirror, which would ask for each of them.

    What they were paid with may be no customer's default any more: rows are methods with their
    customer's id ("" when detached), once each.
    """
    answer = _list(
        account,
        lambda v1: v1.payment_intents,
        after,
        {**_created(since), "expand": ["data.payment_method"]},
    )
    found = tuple(rows(answer))
    paid_with = [expanded(one, "payment_method") for one in found]
    _keep(account, answer, paid_with)
    methods = {
        method.reference: (method, ident(one, "customer"))
        for one in paid_with
        if (method := method_from(one)) is not None
    }
    return _page(answer, tuple(methods.values()))


def list_charges(
    *, account: StripeAccount, after: str = "", since: dt.datetime | None = None
) -> Page[ListedCharge]:
    """List charges created at or after `since`, of invoices and without."""
    answer = _list(account, lambda v1: v1.charges, after, _created(since))
    _keep(account, answer)
    return _page(
        answer,
        tuple(
            ListedCharge(
                id=own_id(one, "charge"),
                payment_intent_id=ident(one, "payment_intent"),
                invoice_id=invoice_named_by(one),
                created_at=moment(one, "created") or EPOCH,
                answer=for_mirror(one),
            )
            for one in rows(answer)
        ),
    )


def list_invoices(
    *, account: StripeAccount, after: str = "", since: dt.datetime | None = None
) -> Page[ListedInvoice]:
    """List invoices created at or after `since`, with their payments and subscription."""
    answer = _list(
        account,
        lambda v1: v1.invoices,
        after,
        {
            **_created(since),
            "expand": ["data.payments", "data.parent.subscription_details.subscription"],
        },
    )
    _keep(account, answer)
    return _page(
        answer,
        tuple(
            ListedInvoice(
                id=own_id(one, "invoice"),
                status=text(one, "status"),
                created_at=moment(one, "created") or EPOCH,
                payment_intent_ids=intent_ids_of(one),
                paying_intent_ids=_paying(one),
                answer=one,
            )
            for one in rows(answer)
        ),
    )


def list_open_invoices(*, account: StripeAccount, after: str = "") -> Page[OpenInvoice]:
    """List open invoices as they stand, for comparing; nothing is kept."""
    answer = _list(account, lambda v1: v1.invoices, after, {"status": "open"})
    return _page(
        answer,
        tuple(
            OpenInvoice(
                id=own_id(one, "invoice"),
                amount_due=money(one, "amount_due"),
                amount_remaining=money(one, "amount_remaining"),
                attempt_count=whole(one, "attempt_count"),
            )
            for one in rows(answer)
        ),
    )


def facts_of_invoices(
    *, account: StripeAccount, listed: Sequence[tuple[ListedInvoice, Sequence[Json]]]
) -> list[InvoiceFacts]:
    """Read listed invoices, each with its charges' answers. No call.

    Their customer is known by id only, their subscription without payment plan and method.
    """
    wanted = {name for one, _ in listed for name in names_wanted(one.answer)}
    names = known_names(account=account, product_ids=wanted)
    return [
        invoice_facts(one.answer, charges=charges, product_names=names) for one, charges in listed
    ]


def facts_of_charge(answer: Json) -> ChargeFacts:
    """Read a listed charge that belongs to no invoice. No call."""
    return charge_facts(answer)


def _paying(answer: Json) -> tuple[str, ...]:
    return tuple(
        ident(payment, "payment", "payment_intent")
        for payment in rows(answer, "payments")
        if text(payment, "status") == "paid" and ident(payment, "payment", "payment_intent")
    )


def _list(
    account: StripeAccount, of: Callable[[Any], Any], after: str, params: dict[str, Any]
) -> Json:
    chosen = {"limit": PAGE, **params} | ({"starting_after": after} if after else {})
    with our_errors():
        return body_of(of(stripe_client().v1).list(chosen, options(account)))


def _created(since: dt.datetime | None) -> dict[str, Any]:
    return {"created": {"gte": int(since.timestamp())}} if since else {}


def _keep(account: StripeAccount, answer: Json, nested: Iterable[Json | None] = ()) -> None:
    mirror.keep(account=account, answer=answer, charges=[one for one in nested if one is not None])


def _page(answer: Json, found: tuple[Row, ...]) -> Page[Row]:
    last = next(iter(list(rows(answer))[-1:]), None)
    more = bool(dig(answer, "has_more")) and last is not None
    return Page(rows=found, after=text(last, "id") if more else "", reached=moment(last, "created"))


def is_mirrored() -> bool:
    """Say whether what is listed is kept for the mirror."""
    return bool(settings.MIRROR_STRIPE)
