"""Drop a merchant's read models and write them again from the mirror, without a call to Stripe.

Cases, attempts, tries, events and access are ours alone and stay as they are; what they show on
the rows is derived from them again. One transaction a merchant: pages see all of the old or all
of the new, and a live read that comes meanwhile waits and then writes on top.
"""

import datetime as dt
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import OperationalError, connection, models, transaction
from psycopg import sql
from psycopg.errors import DeadlockDetected

from apps.accounts.models import Merchant
from apps.customer_payments.models import Access
from apps.customers import services as customers
from apps.customers.models import Customer, PaymentMethod
from apps.dunning.facts import Method
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import queries as mirror
from apps.stripe_gateway.facts import CustomerFacts
from apps.subscriptions import services as subscriptions
from apps.subscriptions.models import Subscription
from apps.transactions import services as transactions
from apps.transactions.models import Transaction
from apps.webhooks.services.import_invoices import with_what_we_know
from apps.webhooks.services.projecting import methods_beside_the_customers

logger = logging.getLogger(__name__)

BATCH = 200
TRIES = 3

BEFORE_ALL_READS = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""How rebuilt rows are dated until the date of their last read is put back: any read is newer."""

CARRIED: Mapping[type[models.Model], tuple[str, tuple[str, ...]]] = {
    Customer: ("stripe_customer_id", ("id", "read_at", "is_deleted")),
    PaymentMethod: (
        "stripe_payment_method_id",
        ("id", "read_at", "data_changed_at", "updated_by_network_at"),
    ),
    Subscription: ("stripe_subscription_id", ("id", "read_at")),
    Transaction: ("stripe_id", ("id", "read_at")),
}
"""Each read model's key, and what no answer of Stripe says: it is carried over where the row was.

Ids stand in addresses of pages; when a card's data changed we were told by events alone.
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many rows of each read model stand now, by its plural name."""

    rows: Mapping[str, int]

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self.rows.items())


class NotMirrored(Exception):
    """Rows would be lost, since the mirror does not have them; nothing was changed.

    `missing` are their Stripe ids by the read model's plural name.
    """

    def __init__(self, missing: Mapping[str, list[str]]) -> None:
        words = ", ".join(f"{len(ids):,} {name} ({ids[0]}, …)" for name, ids in missing.items())
        super().__init__(f"The mirror lacks {words}")
        self.missing = missing


def rebuild(*, merchant: Merchant, now: dt.datetime, forget_missing: bool = False) -> Rebuilt:
    """Write a merchant's customers, payment methods, subscriptions and payments anew.

    Raises:
        NotMirrored: rows would be lost, and `forget_missing` was not said.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic(durable=True):
                return _rebuild(merchant, now, forget_missing=forget_missing)
        except OperationalError as error:
            if attempt == TRIES or not isinstance(error.__cause__, DeadlockDetected):
                raise
            logger.warning("%s: a live read came in between, once more", merchant)
    raise AssertionError("the last try returns or raises")


def _rebuild(merchant: Merchant, now: dt.datetime, *, forget_missing: bool) -> Rebuilt:
    before = {model: _carried(model, merchant) for model in CARRIED}
    for model in before:
        model._default_manager.filter(merchant=merchant).delete()
    _methods(merchant, now, before[PaymentMethod].keys())
    _customers(merchant, now, before[Customer])
    for facts in mirror.stored_subscriptions(account=merchant):
        subscriptions.project_subscription(merchant=merchant, facts=facts, read_at=BEFORE_ALL_READS)
    _payments(merchant)
    _access(merchant)
    missing: dict[str, list[str]] = {}
    for model, rows in before.items():
        lost = sorted(rows.keys() - _carried(model, merchant).keys())
        if lost:
            missing[str(model._meta.verbose_name_plural)] = lost
        _put_back(model, merchant, rows)
    if missing and not forget_missing:
        raise NotMirrored(missing)
    return Rebuilt(
        {
            str(model._meta.verbose_name_plural): model._default_manager.filter(
                merchant=merchant
            ).count()
            for model in CARRIED
        }
    )


def _methods(merchant: Merchant, now: dt.datetime, before: Collection[str]) -> None:
    """Write methods as they were seen with what they pay, then as they were last read alone.

    dj-stripe asks for methods by itself that nothing of ours ever named: unless the table was
    empty `before`, those stay out.
    """

    def write(method: Method, customer_id: str) -> None:
        customers.project_method(
            merchant=merchant,
            method=method,
            customer_id=customer_id,
            read_at=BEFORE_ALL_READS,
            now=now,
        )

    for invoice in mirror.stored_invoices(account=merchant):
        for method in methods_beside_the_customers(invoice):
            write(method, invoice.customer_id)
    for subscription in mirror.stored_subscriptions(account=merchant):
        if subscription.default_method is not None:
            write(subscription.default_method, subscription.customer_id)
    for customer in mirror.stored_customers(account=merchant):
        if customer.default_method is not None:
            write(customer.default_method, customer.id)
    for method, customer_id in mirror.stored_methods(account=merchant):
        if not before or method.reference in before:
            write(method, customer_id)


def _customers(
    merchant: Merchant, now: dt.datetime, before: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write customers; that one was deleted is known to us alone, and their data may be gone."""
    for facts in mirror.stored_customers(account=merchant):
        customers.project_customer(
            merchant=merchant, facts=facts, read_at=BEFORE_ALL_READS, now=now
        )
    written = set(
        Customer.objects.for_merchant(merchant).values_list("stripe_customer_id", flat=True)
    )
    for customer_id, row in before.items():
        if row["is_deleted"] and customer_id not in written:
            gone = CustomerFacts(id=customer_id, is_deleted=True)
            customers.project_customer(
                merchant=merchant, facts=gone, read_at=BEFORE_ALL_READS, now=now
            )


def _payments(merchant: Merchant) -> None:
    cases = {case.stripe_invoice_id: case for case in RecoveryCase.objects.for_merchant(merchant)}
    stored = iter(mirror.stored_invoices(account=merchant))
    while batch := list(islice(stored, BATCH)):
        for invoice in with_what_we_know(merchant=merchant, invoices=batch):
            transactions.project_invoice(
                merchant=merchant,
                invoice=invoice,
                case=cases.get(invoice.id),
                read_at=BEFORE_ALL_READS,
            )
    for charge in mirror.stored_charges_without_invoice(account=merchant):
        transactions.project_charge(merchant=merchant, charge=charge, read_at=BEFORE_ALL_READS)


def _access(merchant: Merchant) -> None:
    """Show access and payments on the subscriptions again."""
    for access in Access.objects.for_merchant(merchant):
        subscriptions.set_access(
            merchant=merchant,
            subscription_id=access.stripe_subscription_id,
            access=access.state,
            by=access.changed_by,
        )
    ids = Subscription.objects.for_merchant(merchant).values_list(
        "stripe_subscription_id", flat=True
    )
    for subscription_id in list(ids):
        subscriptions.refresh_subscription(merchant=merchant, subscription_id=subscription_id)


def _carried(model: type[models.Model], merchant: Merchant) -> dict[str, dict[str, Any]]:
    key, names = CARRIED[model]
    rows = model._default_manager.filter(merchant=merchant).values(key, *names)
    return {row.pop(key): row for row in rows}


def _put_back(
    model: type[models.Model], merchant: Merchant, rows: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write what is carried over, in one statement; a live read in between stays the newer one."""
    key, names = CARRIED[model]
    if not rows:
        return
    columns = [key, *names]
    statement = sql.SQL(
        "UPDATE {table} AS row SET {changes} FROM unnest({values}) AS before ({columns}) "
        "WHERE row.merchant_id = %s AND row.{key} = before.{key} AND row.read_at = %s"
    ).format(
        table=sql.Identifier(model._meta.db_table),
        key=sql.Identifier(key),
        changes=sql.SQL(", ").join(
            sql.SQL("{0} = before.{0}").format(sql.Identifier(name)) for name in names
        ),
        columns=sql.SQL(", ").join(sql.Identifier(name) for name in columns),
        values=sql.SQL(", ").join(
            sql.SQL("%s::{}[]").format(
                sql.SQL(str(model._meta.get_field(name).db_type(connection)))
            )
            for name in columns
        ),
    )
    values = [list(rows), *([row[name] for row in rows.values()] for name in names)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, merchant.pk, BEFORE_ALL_READS])
