"""Small changes at Stripe beside charging: which card is charged, whether billing goes on.

Each takes the idempotency key of one committed wish; repeating it with that key is safe.
"""

from apps.stripe_gateway.connection import options, stripe_client
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount

SOURCE_PREFIXES = ("card_", "src_", "ba_")
"""Ids of older payment sources; only these fit into a `default_source`."""

FIELDS = (
    "subscription.default_payment_method",
    "subscription.default_source",
    "customer.invoice_settings.default_payment_method",
    "customer.default_source",
    "invoice.default_payment_method",
    "invoice.default_source",
)
"""Where a payment can have failed, as `InvoiceFacts.method_field` names it.

Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""


def set_default_method(
    *, account: StripeAccount, field: str, owner_id: str, payment_method_id: str, key: str
) -> None:
    """Put a payment method where the failed one stands, so that it is charged from now on.

    `field` is one of `FIELDS`, `owner_id` the id of what it begins with. A PaymentMethod does not
    fit into a `default_source`; it goes into the field beside it, which Stripe looks at first.

    Raises:
        ValueError: there is no such field.
    """
    if field not in FIELDS:
        raise ValueError(f"{field!r} is no field of a payment method")
    owner = field.split(".")[0]
    is_source = field.endswith("default_source") and payment_method_id.startswith(SOURCE_PREFIXES)
    v1, wanted = stripe_client().v1, options(account, key=key)
    with our_errors():
        if owner == "subscription" and is_source:
            v1.subscriptions.update(owner_id, {"default_source": payment_method_id}, wanted)
        elif owner == "subscription":
            v1.subscriptions.update(owner_id, {"default_payment_method": payment_method_id}, wanted)
        elif owner == "customer" and is_source:
            v1.customers.update(owner_id, {"default_source": payment_method_id}, wanted)
        elif owner == "customer":
            v1.customers.update(
                owner_id,
                {"invoice_settings": {"default_payment_method": payment_method_id}},
                wanted,
            )
        elif is_source:
            v1.invoices.update(owner_id, {"default_source": payment_method_id}, wanted)
        else:
            v1.invoices.update(owner_id, {"default_payment_method": payment_method_id}, wanted)


def pause_collection(*, account: StripeAccount, subscription_id: str, key: str) -> None:
    """Stop collecting a subscription's later invoices: they stay drafts until a person resumes.

    Invoices that are open already are not touched.
    Source: https://docs.stripe.com/billing/subscriptions/pause-payment
    """
    with our_errors():
        stripe_client().v1.subscriptions.update(
            subscription_id,
            {"pause_collection": {"behavior": "keep_as_draft"}},
            options(account, key=key),
        )


def void_invoice(*, account: StripeAccount, invoice_id: str, key: str) -> None:
    """Void an invoice, for ever: as if it had never been owed.

    Raises:
        InvoiceNotOpen: paid or void in the meantime.
    """
    with our_errors():
        stripe_client().v1.invoices.void_invoice(invoice_id, {}, options(account, key=key))


def credit_rest(
    *, account: StripeAccount, invoice_id: str, amount_minor: int, memo: str, key: str
) -> None:
    """Credit an amount on an open invoice: so much less is owed, and it is paid if that is all.

    `amount_minor` is in the smallest unit of the invoice's currency. Nobody is mailed.

    Source: https://docs.stripe.com/api/credit_notes/create

    Raises:
        InvoiceNotOpen: paid or void in the meantime.
    """
    with our_errors():
        stripe_client().v1.credit_notes.create(
            {"invoice": invoice_id, "amount": amount_minor, "memo": memo, "email_type": "none"},
            options(account, key=key),
        )
