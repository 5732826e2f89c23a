"""Payment methods of every make: today's PaymentMethod, older sources, and what a charge used."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from apps.dunning.codes import kind_of
from apps.dunning.facts import Method
from apps.stripe_gateway.readers.common import (
    Json,
    dig,
    expanded,
    ident,
    text,
    whole_or_none,
)

BRANDS: Mapping[str, str] = MappingProxyType(
    {"american express": "amex", "diners club": "diners", "china unionpay": "unionpay"}
)
"""How older card objects spell a brand, and how PaymentMethods do."""


def method_from(answer: object) -> Method | None:
    """Read a payment method from a PaymentMethod, a card, a bank account or a source.

    None where there is no object (an id alone says nothing about a card).
    """
    if not isinstance(answer, Mapping) or not text(answer, "id"):
        return None
    kind = text(answer, "object")
    if kind == "card":
        return _method(text(answer, "id"), "card", answer)
    if kind == "bank_account":
        return _method(text(answer, "id"), "ach_debit", answer)
    method_type = text(answer, "type") or "card"
    return _method(text(answer, "id"), method_type, dig(answer, method_type))


def method_of_charge(charge: Json) -> Method | None:
    """Read what a charge used; the card as it was then."""
    reference = ident(charge, "payment_method") or ident(charge, "source")
    method_type = text(charge, "payment_method_details", "type")
    if method_type:
        return _method(reference, method_type, dig(charge, "payment_method_details", method_type))
    return method_from(dig(charge, "source")) or (Method(reference) if reference else None)


def mandate_id_of(invoice: Json, charges: Iterable[Json], method: Method | None) -> str:
    """Name the mandate under which a bank debit would be collected; "" where nothing names one.

    The invoice's own mandate, else the one of the account's newest charge; `charges` come newest
    first. A PaymentMethod does not name its mandate.
    Source: https://docs.stripe.com/api/mandates
    """
    if method is None or kind_of(method.type) != "direct_debit":
        return ""
    theirs = (one for one in charges if ident(one, "payment_method") == method.reference)
    named = (ident(one, "payment_method_details", method.type, "mandate") for one in theirs)
    own = ident(invoice, "payment_settings", "default_mandate")
    return own or next(filter(None, named), "")


def known_by_id(reference: str) -> Method:
    """Describe a method of which only the id is known; its prefix tells bank from card."""
    return Method(reference, type="ach_debit" if reference.startswith("ba_") else "card")


def method_at(answer: object, *path: str, known: Iterable[Method | None] = ()) -> Method | None:
    """Read the method at a field that holds an object or an id.

    For an id, one of the `known` methods with the same id lends its details.
    """
    full = expanded(answer, *path)
    if full is not None:
        return method_from(full)
    reference = ident(answer, *path)
    if not reference:
        return None
    same = (one for one in known if one is not None and one.reference == reference)
    return next(same, known_by_id(reference))


def charged_now(
    *,
    invoice: Json,
    subscription: Json | None,
    customer: Json | None,
    known: Iterable[Method | None],
) -> tuple[Method | None, str]:
    """Find what a pay call would charge, and the field that names it, in Stripe's order.

    The invoice's own method, then the subscription's, then the customer's default for invoices,
    then the customer's default source.
    Source: https://docs.stripe.com/api/invoices/object#invoice_object-default_payment_method
    """
    places: tuple[tuple[str, Json | None, tuple[str, ...]], ...] = (
        ("invoice", invoice, ("default_payment_method",)),
        ("invoice", invoice, ("default_source",)),
        ("subscription", subscription, ("default_payment_method",)),
        ("subscription", subscription, ("default_source",)),
        ("customer", customer, ("invoice_settings", "default_payment_method")),
        ("customer", customer, ("default_source",)),
    )
    known = tuple(known)
    for owner, answer, path in places:
        method = method_at(answer, *path, known=known)
        if method is not None:
            return method, ".".join((owner, *path))
    return None, ""


def _method(reference: str, method_type: str, details: object) -> Method:
    brand = text(details, "brand").lower()
    return Method(
        reference=reference,
        type=method_type,
        brand=BRANDS.get(brand, brand) or text(details, "bank_name"),
        last4=text(details, "last4"),
        fingerprint=text(details, "fingerprint"),
        funding=text(details, "funding"),
        country=text(details, "country"),
        exp_month=whole_or_none(details, "exp_month"),
        exp_year=whole_or_none(details, "exp_year"),
    )
