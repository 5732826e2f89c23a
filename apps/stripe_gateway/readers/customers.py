"""Customers and where they live."""

from apps.stripe_gateway.facts import CustomerFacts
from apps.stripe_gateway.readers.common import Json, dig, expanded, ident, labels, own_id, text
from apps.stripe_gateway.readers.methods import method_from


def customer_facts(answer: Json) -> CustomerFacts:
    """Read a customer; the address is the customer's, else the default method's billing address."""
    default = dig(answer, "invoice_settings", "default_payment_method")
    address = _address(answer)
    return CustomerFacts(
        id=own_id(answer, "customer"),
        name=text(answer, "name"),
        email=text(answer, "email"),
        country=text(address, "country"),
        state=text(address, "state"),
        postal_code=text(address, "postal_code"),
        is_deleted=bool(dig(answer, "deleted")),
        default_method=method_from(default) or method_from(dig(answer, "default_source")),
        default_method_id=ident(answer, "invoice_settings", "default_payment_method"),
        default_source_id=ident(answer, "default_source"),
        metadata=labels(answer),
    )


def _address(answer: Json) -> Json | None:
    places = (
        ("address",),
        ("invoice_settings", "default_payment_method", "billing_details", "address"),
        ("shipping", "address"),
    )
    found = (expanded(answer, *path) for path in places)
    return next((address for address in found if text(address, "country")), None)
