"""The one door to Stripe: every call the product makes, in our words and with our errors.

Nothing here runs inside a transaction. `account` is whose Stripe account is meant (a Merchant
fits); the key comes from the settings. Reads may be repeated by the library; a pay call never is.
Every object read is kept for the mirror.

Every call may raise `AccessDenied`, `NotFound`, `BadRequest`, `Busy` and `OutcomeUnknown`.
"""

from apps.dunning.facts import Method
from apps.stripe_gateway import mirror
from apps.stripe_gateway.account import (
    check_key,
    create_webhook_endpoint,
    list_events,
    webhook_endpoint_at,
)
from apps.stripe_gateway.checkout import create_setup_session, read_setup_session
from apps.stripe_gateway.connection import (
    body_of,
    key_is_live,
    key_is_restricted,
    options,
    stripe_client,
)
from apps.stripe_gateway.errors import (
    AccessDenied,
    BadRequest,
    NotFound,
    OutcomeUnknown,
    UnreadableAnswer,
)
from apps.stripe_gateway.facts import (
    ChargeFacts,
    CustomerFacts,
    InvoiceFacts,
    SubscriptionFacts,
)
from apps.stripe_gateway.permissions import missing_permissions
from apps.stripe_gateway.product_names import known_names, names_of
from apps.stripe_gateway.readers.charges import charge_facts
from apps.stripe_gateway.readers.common import Json, ident, own_id, rows, text
from apps.stripe_gateway.readers.customers import customer_facts
from apps.stripe_gateway.readers.invoices import (
    intents_of,
    invoice_facts,
    names_wanted,
    with_mandate,
)
from apps.stripe_gateway.readers.methods import mandate_id_of, method_from
from apps.stripe_gateway.readers.subscriptions import product_ids, subscription_facts
from apps.stripe_gateway.signature import verify_signature
from apps.stripe_gateway.translation import our_errors
from apps.stripe_gateway.transport import StripeAccount, use_http_client
from apps.stripe_gateway.writes import (
    credit_rest,
    pause_collection,
    set_default_method,
    void_invoice,
)

__all__ = [
    "StripeAccount",
    "cancel_subscription",
    "check_key",
    "create_setup_session",
    "create_webhook_endpoint",
    "credit_rest",
    "invoice_of_payment_intent",
    "key_is_live",
    "key_is_restricted",
    "list_events",
    "mark_uncollectible",
    "missing_permissions",
    "pause_collection",
    "pay_invoice",
    "read_charge",
    "read_customer",
    "read_invoice",
    "read_payment_method",
    "read_setup_session",
    "read_subscription",
    "set_default_method",
    "stop_stripe_retries",
    "use_http_client",
    "verify_signature",
    "void_invoice",
    "webhook_endpoint_at",
]

SUBSCRIPTION_EXPAND = ["default_payment_method", "default_source", "schedule"]
CUSTOMER_EXPAND = ["invoice_settings.default_payment_method", "default_source"]
INVOICE_EXPAND = [
    "payments.data.payment.payment_intent",
    "default_payment_method",
    *(f"customer.{path}" for path in CUSTOMER_EXPAND),
    *(f"parent.subscription_details.subscription.{path}" for path in SUBSCRIPTION_EXPAND),
]
"""What an invoice's answer brings along. Stripe refuses paths of more than four names, list levels
included, so that charges need a call of their own.

Source: https://docs.stripe.com/api/expanding_objects
"""

TRIES_OF_ONE_INTENT = 100


def read_invoice(*, account: StripeAccount, invoice_id: str) -> InvoiceFacts:
    """Read an invoice with its customer, subscription, methods and every charge made for it.

    One call, and one more for each intent that was charged (nearly always one); of a bank debit
    another for the state of its mandate.
    """
    return _whole_invoice(account, _retrieve_invoice(account, invoice_id))


def read_subscription(*, account: StripeAccount, subscription_id: str) -> SubscriptionFacts:
    """Read a subscription with its default payment method and payment plan."""
    with our_errors():
        answer = body_of(
            stripe_client().v1.subscriptions.retrieve(
                subscription_id, {"expand": SUBSCRIPTION_EXPAND}, options(account)
            )
        )
    return _subscription(account, answer)


def read_customer(*, account: StripeAccount, customer_id: str) -> CustomerFacts:
    """Read a customer with the default payment method; a deleted one answers `is_deleted`.

    A second call where nothing can be expanded: of a deleted customer hardly more than the id is
    left.
    """
    v1 = stripe_client().v1
    try:
        with our_errors():
            found = v1.customers.retrieve(
                customer_id, {"expand": CUSTOMER_EXPAND}, options(account)
            )
    except BadRequest:
        with our_errors():
            found = v1.customers.retrieve(customer_id, {}, options(account))
    answer = body_of(found)
    mirror.keep(account=account, answer=answer)
    return customer_facts(answer)


def read_charge(*, account: StripeAccount, charge_id: str) -> ChargeFacts:
    """Read one charge and name its invoice.

    A charge with an intent costs a second call where it does not name its invoice itself.
    """
    with our_errors():
        answer = body_of(stripe_client().v1.charges.retrieve(charge_id, {}, options(account)))
    mirror.keep(account=account, answer=answer)
    facts = charge_facts(answer)
    intent_id = facts.tried.payment_intent_id
    if facts.invoice_id or not intent_id:
        return facts
    invoice_id = invoice_of_payment_intent(account=account, payment_intent_id=intent_id)
    return charge_facts(answer, invoice_id=invoice_id)


def read_payment_method(*, account: StripeAccount, payment_method_id: str) -> tuple[Method, str]:
    """Read a payment method; answers it and its customer's id ("" when detached)."""
    with our_errors():
        answer = body_of(
            stripe_client().v1.payment_methods.retrieve(payment_method_id, {}, options(account))
        )
    mirror.keep(account=account, answer=answer)
    return method_from(answer) or Method(own_id(answer, "payment method")), ident(
        answer, "customer"
    )


def invoice_of_payment_intent(*, account: StripeAccount, payment_intent_id: str) -> str:
    """Find the invoice an intent pays; "" when it pays none."""
    with our_errors():
        answer = body_of(
            stripe_client().v1.invoice_payments.list(
                {
                    "payment": {"type": "payment_intent", "payment_intent": payment_intent_id},
                    "limit": 1,
                },
                options(account),
            )
        )
    return next((ident(payment, "invoice") for payment in rows(answer)), "")


def pay_invoice(
    *, account: StripeAccount, invoice_id: str, key: str, payment_method_id: str = ""
) -> InvoiceFacts:
    """Charge an open invoice once, off-session; the answer is the fresh read.

    `key` is the idempotency key of this one intended try: commit it before calling, and repeat
    the call only with it. The library repeats nothing; 5 s to connect, 30 s for the answer. An
    answer that is still open means a bank debit under way (`processing`).

    Raises:
        PaymentDeclined: charged and refused; the error names the charge.
        NeedsAuthentication: the customer must confirm.
        InvoiceNotOpen: paid, void, uncollectible or a draft; nothing was charged.
        NoPaymentMethod: nothing on file; nothing was charged.
        KeyMismatch: the key was used with other parameters; nothing was charged.
        Busy: nothing was charged; same key later.
        OutcomeUnknown: it may have been charged; same key, or read the invoice first.
    """
    with our_errors():
        client = stripe_client()
        wanted = options(account, key=key, retries=0)
        if payment_method_id:
            paid = client.v1.invoices.pay(
                invoice_id,
                {
                    "off_session": True,
                    "expand": INVOICE_EXPAND,
                    "payment_method": payment_method_id,
                },
                wanted,
            )
        else:
            paid = client.v1.invoices.pay(
                invoice_id, {"off_session": True, "expand": INVOICE_EXPAND}, wanted
            )
    answer = body_of(paid)
    try:
        names = known_names(account=account, product_ids=names_wanted(answer))
        facts = invoice_facts(answer, product_names=names)
    except UnreadableAnswer as error:
        raise OutcomeUnknown(str(error)) from error
    mirror.keep(account=account, answer=answer)
    return facts


def stop_stripe_retries(*, account: StripeAccount, invoice_id: str, key: str) -> InvoiceFacts:
    """Set `auto_advance=false`: Stripe stops trying, reminding and ending on this invoice.

    Raises:
        InvoiceNotOpen: there is nothing left to stop.
    """
    with our_errors():
        answer = body_of(
            stripe_client().v1.invoices.update(
                invoice_id,
                {"auto_advance": False, "expand": INVOICE_EXPAND},
                options(account, key=key),
            )
        )
    return _whole_invoice(account, answer)


def mark_uncollectible(*, account: StripeAccount, invoice_id: str, key: str) -> InvoiceFacts:
    """Write an invoice off as bad debt: not void, still payable, its subscription goes on.

    Raises:
        InvoiceNotOpen: paid or void in the meantime.
    """
    with our_errors():
        answer = body_of(
            stripe_client().v1.invoices.mark_uncollectible(
                invoice_id, {"expand": INVOICE_EXPAND}, options(account, key=key)
            )
        )
    return _whole_invoice(account, answer)


def cancel_subscription(
    *, account: StripeAccount, subscription_id: str, key: str
) -> SubscriptionFacts:
    """End a subscription now, without proration; its open invoices stay open."""
    with our_errors():
        answer = body_of(
            stripe_client().v1.subscriptions.cancel(
                subscription_id, {"expand": SUBSCRIPTION_EXPAND}, options(account, key=key)
            )
        )
    return _subscription(account, answer)


def _retrieve_invoice(account: StripeAccount, invoice_id: str) -> Json:
    with our_errors():
        return body_of(
            stripe_client().v1.invoices.retrieve(
                invoice_id, {"expand": INVOICE_EXPAND}, options(account)
            )
        )


def _whole_invoice(account: StripeAccount, answer: Json) -> InvoiceFacts:
    """Add the charges to an invoice, as if both had been read in one moment."""
    charges = _charges_of(account, answer)
    if _is_overtaken(answer, charges):
        answer = _retrieve_invoice(account, own_id(answer, "invoice"))
        charges = _charges_of(account, answer)
    mirror.keep(account=account, answer=answer, charges=charges)
    names = names_of(account=account, product_ids=names_wanted(answer))
    facts = invoice_facts(answer, charges=charges, product_names=names)
    mandate_id = mandate_id_of(answer, charges, facts.method)
    if facts.method is None or not mandate_id:
        return facts
    return with_mandate(facts, facts.method.reference, _mandate(account, mandate_id))


def _mandate(account: StripeAccount, mandate_id: str) -> str:
    """Ask for the state of a mandate; "" where Stripe does not tell us."""
    try:
        with our_errors():
            answer = stripe_client().v1.mandates.retrieve(mandate_id, {}, options(account))
    except (AccessDenied, BadRequest, NotFound):
        return ""
    return text(body_of(answer), "status")


def _is_overtaken(answer: Json, charges: list[Json]) -> bool:
    """Tell whether a charge succeeded between the two calls: the invoice would look unpaid."""
    unpaid = {
        ident(intent, "latest_charge")
        for intent in intents_of(answer)
        if text(intent, "status") != "succeeded"
    }
    return any(text(one, "status") == "succeeded" and text(one, "id") in unpaid for one in charges)


def _charges_of(account: StripeAccount, answer: Json) -> list[Json]:
    """List the charges of an invoice's intents, without any made after the invoice was read."""
    found: list[Json] = []
    for intent in intents_of(answer, also_canceled=True):
        latest = ident(intent, "latest_charge")
        if latest:
            newest_first = _charges(account, ident(intent, "id"))
            ids = [text(one, "id") for one in newest_first]
            found += newest_first[ids.index(latest) :] if latest in ids else newest_first
    return found


def _charges(account: StripeAccount, payment_intent_id: str) -> list[Json]:
    with our_errors():
        answer = stripe_client().v1.charges.list(
            {"payment_intent": payment_intent_id, "limit": TRIES_OF_ONE_INTENT}, options(account)
        )
    return list(rows(body_of(answer)))


def _subscription(account: StripeAccount, answer: Json) -> SubscriptionFacts:
    mirror.keep(account=account, answer=answer)
    names = names_of(account=account, product_ids=product_ids(answer))
    return subscription_facts(answer, product_names=names)
