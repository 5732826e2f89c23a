"""Names of products: read once, kept for a week, so that no list of invoices costs a call each."""

import datetime as dt
from collections.abc import Iterable, Mapping

from apps.stripe_gateway.connection import body_of, options, stripe_client
from apps.stripe_gateway.errors import Busy, GatewayError, OutcomeUnknown
from apps.stripe_gateway.models import ProductName
from apps.stripe_gateway.readers.common import text
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount

GOOD_FOR = dt.timedelta(days=7)
GIVEN_UP_FOR = dt.timedelta(days=1)
"""After Stripe refused a name. A call that was merely lost is made again with the next read."""


def known_names(*, account: StripeAccount, product_ids: Iterable[str]) -> Mapping[str, str]:
    """Give the names we have, however old; no call."""
    wanted = list(product_ids)
    return {row.stripe_product_id: row.name for row in _rows(account, wanted)} if wanted else {}


def names_of(*, account: StripeAccount, product_ids: Iterable[str]) -> Mapping[str, str]:
    """Give the names of products, reading from Stripe those unknown or older than a week.

    A product that cannot be read (deleted, no permission) keeps the name it had, or none: a name
    is never worth an error.
    """
    wanted = list(product_ids)
    if not wanted:
        return {}
    now = dt.datetime.now(dt.UTC)
    rows = {row.stripe_product_id: row for row in _rows(account, wanted)}
    names = {product_id: row.name for product_id, row in rows.items()}
    for product_id in wanted:
        row = rows.get(product_id)
        if row is None or row.read_at < now - (GOOD_FOR if row.name else GIVEN_UP_FOR):
            names[product_id] = _read(account, product_id, names.get(product_id, ""), now)
    return names


def keep_names(*, account: StripeAccount, names: Mapping[str, str]) -> None:
    """Keep the names of listed products."""
    now = dt.datetime.now(dt.UTC)
    ProductName.objects.bulk_create(
        [
            ProductName(
                stripe_account_id=account.stripe_account_id,
                livemode=account.livemode,
                stripe_product_id=product_id,
                name=name[:512],
                read_at=now,
            )
            for product_id, name in names.items()
        ],
        update_conflicts=True,
        unique_fields=["stripe_account_id", "livemode", "stripe_product_id"],
        update_fields=["name", "read_at"],
    )


def _read(account: StripeAccount, product_id: str, before: str, now: dt.datetime) -> str:
    """Read a product's name and keep it; where it cannot be read the name it had stays."""
    try:
        with our_errors():
            answer = stripe_client().v1.products.retrieve(
                product_id, options=options(account, retries=0)
            )
        name = text(body_of(answer), "name") or before
    except (Busy, OutcomeUnknown):
        return before
    except GatewayError:
        name = before
    ProductName.objects.update_or_create(
        stripe_account_id=account.stripe_account_id,
        livemode=account.livemode,
        stripe_product_id=product_id,
        defaults={"name": name[:512], "read_at": now},
    )
    return name


def _rows(account: StripeAccount, product_ids: list[str]) -> Iterable[ProductName]:
    return ProductName.objects.filter(
        stripe_account_id=account.stripe_account_id,
        livemode=account.livemode,
        stripe_product_id__in=product_ids,
    )
