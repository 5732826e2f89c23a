"""Pure readers: Stripe's JSON of any API version in, facts out. They call nobody."""

from apps.stripe_gateway.readers.charges import charge_facts, try_of_charge, try_of_error
from apps.stripe_gateway.readers.common import id_of
from apps.stripe_gateway.readers.customers import customer_facts
from apps.stripe_gateway.readers.declines import decline_of_charge, decline_of_error
from apps.stripe_gateway.readers.events import event_hint
from apps.stripe_gateway.readers.invoices import invoice_facts
from apps.stripe_gateway.readers.methods import method_from
from apps.stripe_gateway.readers.subscriptions import subscription_facts

__all__ = [
    "charge_facts",
    "customer_facts",
    "decline_of_charge",
    "decline_of_error",
    "event_hint",
    "id_of",
    "invoice_facts",
    "method_from",
    "subscription_facts",
    "try_of_charge",
    "try_of_error",
]
