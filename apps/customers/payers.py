"""Payers read along with rows that name them by Stripe's id: no query of their own."""

from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject

from apps.customers.models import Customer


@dataclass(frozen=True, slots=True)
class Payer:
    """What most pages need of a customer; `time_zone` is "" where only the merchant's is known."""

    stripe_customer_id: str
    name: str
    email: str
    time_zone: str
    is_deleted: bool

    @property
    def display_name(self) -> str:
        return self.name or self.email or self.stripe_customer_id


def payer_column() -> Subquery:
    """Annotate rows that have `merchant_id` and `stripe_customer_id`; read it with `payer_of`."""
    found = Customer.objects.filter(
        merchant_id=OuterRef("merchant_id"), stripe_customer_id=OuterRef("stripe_customer_id")
    )
    fields = ("stripe_customer_id", "name", "email", "time_zone", "is_deleted")
    return Subquery(found.values(payer=JSONObject(**{name: name for name in fields}))[:1])


def payer_of(row: Any) -> Payer | None:
    """Return the payer of a row annotated as `payer`; None where no customer is on record."""
    return Payer(**row.payer) if row.payer else None
