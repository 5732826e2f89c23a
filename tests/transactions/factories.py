import datetime as dt

import factory

from apps.transactions.models import Transaction
from tests.accounts.factories import MerchantFactory

SUNDAY_NOON = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)


class TransactionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Transaction

    merchant = factory.SubFactory(MerchantFactory)
    stripe_id = factory.Sequence(lambda n: f"in_{n:06}")
    stripe_invoice_id = factory.SelfAttribute("stripe_id")
    stripe_customer_id = factory.Sequence(lambda n: f"cus_{n:06}")
    customer_name = "Sofia Rossi"
    customer_email = "sofia@example.org"
    offer_name = "Studio Membership"
    amount_minor = 14900
    amount_remaining_minor = factory.SelfAttribute("amount_minor")
    currency = "usd"
    status = Transaction.Status.SUCCEEDED
    invoice_status = "paid"
    at = SUNDAY_NOON
    read_at = SUNDAY_NOON

    class Params:
        failed = factory.Trait(
            status=Transaction.Status.FAILED,
            status_detail="4 of 4 tries used",
            invoice_status="open",
            tries=5,
            failure_code="card_declined",
            decline_code="insufficient_funds",
            decline_words="Insufficient funds",
            method_type="card",
            method_brand="visa",
            method_last4="3119",
        )
        retrying = factory.Trait(
            failed=True,
            status=Transaction.Status.RETRYING,
            status_detail="",
            next_try_at=SUNDAY_NOON + dt.timedelta(days=3),
            next_try_by="recoup",
        )
