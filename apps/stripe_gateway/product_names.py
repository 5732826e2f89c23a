"""Names of products: read once, kept for a week, so that no list of invoices costs a call each."""

import datetime as dt
from collections.abc import Iterable, Mapping

from apps.stripe_gateway.connection import body_of, options, stripe_client
from apps.stripe_gateway.errors import GatewayError
from apps.stripe_gateway.models import ProductName
from apps.stripe_gateway.readers.common import text
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount

GOOD_FOR = dt.timedelta(days=7)


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
        if row is None or row.read_at < now - GOOD_FOR:
            names[product_id] = _read(account, product_id) or names.get(product_id, "")
            ProductName.objects.update_or_create(
                stripe_account_id=account.stripe_account_id,
                livemode=account.livemode,
                stripe_product_id=product_id,
                defaults={"name": names[product_id][:512], "read_at": now},
            )
    return names


def _rows(account: StripeAccount, product_ids: list[str]) -> Iterable[ProductName]:
    return ProductName.objects.filter(
        stripe_account_id=account.stripe_account_id,
        livemode=account.livemode,
        stripe_product_id__in=product_ids,
    )


def _read(account: StripeAccount, product_id: str) -> str:
    try:
        with our_errors():
            answer = stripe_client().v1.products.retrieve(
                product_id, options=options(account, retries=0)
            )
    except GatewayError:
        return ""
    return text(body_of(answer), "name")
