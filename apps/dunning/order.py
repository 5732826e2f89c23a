"""Which of a customer's payment methods Stripe charges for a subscription, and in what order."""

from dataclasses import dataclass

FIELDS = (
    "subscription.default_payment_method",
    "subscription.default_source",
    "customer.invoice_settings.default_payment_method",
    "customer.default_source",
)
"""Stripe's order: the first of these that holds a method is charged.

A method set on one invoice itself comes before all of them, for that invoice.
Source: https://docs.stripe.com/billing/subscriptions/overview#payment-methods
"""


@dataclass(frozen=True, slots=True)
class Place:
    """One field in Stripe's order; `method_id` is "" where it is empty.

    `is_charged` marks the one that Stripe uses, `has_failed` the one whose method was refused last.
    """

    field: str
    method_id: str
    is_charged: bool = False
    has_failed: bool = False


def in_stripes_order(
    *,
    subscription_method: str = "",
    subscription_source: str = "",
    customer_method: str = "",
    customer_source: str = "",
    failed_method: str = "",
) -> tuple[Place, ...]:
    """Return the four fields in the order in which Stripe looks at them.

    `failed_method` is the method of the last refused charge. A method may stand in several fields;
    the first of them is the one that failed, as only that one is charged.
    """
    held = (subscription_method, subscription_source, customer_method, customer_source)
    charged = next((place for place, method in enumerate(held) if method), -1)
    failed = held.index(failed_method) if failed_method and failed_method in held else -1
    return tuple(
        Place(field, method, place == charged, place == failed)
        for place, (field, method) in enumerate(zip(FIELDS, held, strict=True))
    )
