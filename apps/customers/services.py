"""Writes to the read model of payers and their payment methods."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod
from apps.customers.upsert import write_newer
from apps.customers.zones import guess_zone
from apps.dunning.facts import Method
from apps.stripe_gateway.facts import CustomerFacts


def project_customer(
    *,
    merchant: Merchant,
    facts: CustomerFacts,
    read_at: dt.datetime,
    now: dt.datetime,
    card_country: str = "",
) -> None:
    """Write a customer as one read saw them; what was read later stays.

    `read_at` is real time, `now` business time. `card_country` is the issuing country of a card they pay with, where the facts hold none: the
    second source of their time zone. A deleted customer keeps the last known name and email.
    """
    keys = {"merchant": merchant, "stripe_customer_id": facts.id}
    if facts.is_deleted:
        write_newer(Customer, keys=keys, values={"is_deleted": True}, read_at=read_at)
        return
    default = facts.default_method
    guess = guess_zone(
        country=facts.country,
        state=facts.state,
        card_country=(default.country if default else "")
        or card_country
        or ("" if facts.country else _known_card_country(merchant, facts.id)),
        merchant_zone=merchant.time_zone,
    )
    write_newer(
        Customer,
        keys=keys,
        values={
            "name": facts.name[:512],
            "email": facts.email[:512],
            "country": facts.country.upper()[:2],
            "time_zone": guess.zone,
            "zone_source": guess.source,
            "is_deleted": False,
            "default_method_id": facts.default_method_id,
            "default_source_id": facts.default_source_id,
            "defaults_known": True,
        },
        read_at=read_at,
    )
    if default:
        project_method(
            merchant=merchant, method=default, customer_id=facts.id, read_at=read_at, now=now
        )


def name_and_email(*, merchant: Merchant, customer_id: str) -> tuple[str, str] | None:
    """Give how a customer is shown; None for one who was not read yet."""
    return (
        Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=customer_id)
        .values_list("name", "email")
        .first()
    )


def project_method(
    *,
    merchant: Merchant,
    method: Method,
    customer_id: str,
    read_at: dt.datetime,
    now: dt.datetime,
    data_changed_at: dt.datetime | None = None,
    by_network: bool = False,
) -> None:
    """Write a payment method as one read saw it; what was read later stays.

    `read_at` is real time, `now` business time. `data_changed_at` is when an event said that its data changed; with `by_network` the card
    network changed it. A new expiry date or number that no event announced counts as changed
    when it is first seen. A change once known is never taken back, and the state of a mandate stays
    where the answer tells none.
    """
    if not method.reference:
        return
    keys = {"merchant": merchant, "stripe_payment_method_id": method.reference}
    data: dict[str, object] = {
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
        "last4": method.last4,
        "fingerprint": method.fingerprint,
    }
    values: dict[str, object] = {
        "stripe_customer_id": customer_id,
        "type": method.type,
        "brand": method.brand,
        "funding": method.funding,
        "country": method.country.upper()[:2],
    }
    if method.mandate:  # most answers do not tell it
        values["mandate"] = method.mandate
    if data_changed_at is None:
        # Most reads show a method as it is known; what changed needs a look under a lock.
        same = PaymentMethod.objects.filter(**keys, **data, read_at__lte=read_at)
        if same.update(**values, read_at=read_at):
            return
    with transaction.atomic():
        stored = PaymentMethod.objects.select_for_update().filter(**keys).first()
        changed_at = data_changed_at
        if stored and changed_at is None and stored.read_at <= read_at and _differs(stored, method):
            changed_at = now
        write_newer(PaymentMethod, keys=keys, values=values | data, read_at=read_at)
        if changed_at:
            _record_change(merchant, method.reference, changed_at, by_network=by_network)


def _record_change(
    merchant: Merchant, reference: str, changed_at: dt.datetime, *, by_network: bool
) -> None:
    """Move the times of the last change forward, never back."""
    row = PaymentMethod.objects.for_merchant(merchant).get(stripe_payment_method_id=reference)
    fields = []
    if row.data_changed_at is None or row.data_changed_at < changed_at:
        row.data_changed_at = changed_at
        fields.append("data_changed_at")
    if by_network and (row.updated_by_network_at is None or row.updated_by_network_at < changed_at):
        row.updated_by_network_at = changed_at
        fields.append("updated_by_network_at")
    if fields:
        row.save(update_fields=fields)


def _differs(stored: PaymentMethod, method: Method) -> bool:
    return (stored.exp_month, stored.exp_year, stored.last4, stored.fingerprint) != (
        method.exp_month,
        method.exp_year,
        method.last4,
        method.fingerprint,
    )


def _known_card_country(merchant: Merchant, customer_id: str) -> str:
    return (
        PaymentMethod.objects.for_merchant(merchant)
        .filter(stripe_customer_id=customer_id)
        .exclude(country="")
        .order_by("-read_at", "-id")
        .values_list("country", flat=True)
        .first()
        or ""
    )
