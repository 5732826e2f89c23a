"""The people of the demo, put into the sandbox at their own times.

Everybody pays without trouble until shortly before the charge that is named for them.
"""

import calendar
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter

from sandbox import ids
from sandbox.billing import method_changes
from sandbox.core import Sandbox
from sandbox.demo import people
from sandbox.demo.people import Person
from sandbox.demo.shop import Prices, open_shop
from sandbox.server import plans
from sandbox.types import Obj

LIVED = timedelta(days=30)
"""The days before the demo that are lived with the product."""
HISTORY = timedelta(days=500)
"""Long enough before them for everybody to come."""
BEFORE_CHARGE = timedelta(hours=1)
"""How long a renewal's invoice stays a draft."""


class Builder:
    """Creates the people at their own times; the sandbox's clock goes from one to the next."""

    def __init__(self, sandbox: Sandbox, *, demo: datetime, lived_from: datetime) -> None:
        self._sandbox = sandbox
        self._start = demo
        self._lived_from = lived_from
        self._books = sandbox.books()
        self._prices: Prices = {}

    def build(self, cast: Sequence[Person]) -> None:
        """Let these people come, in the order of their coming, and wait until life begins."""
        for joins, come in self.comings(cast, open_shop(self._sandbox)):
            self._sandbox.run_until(joins)
            come()
        self._sandbox.run_until(self._lived_from)
        self._first_purchase(people.FIRST_PURCHASE)
        self._commission(people.COMMISSION)

    def comings(
        self, cast: Sequence[Person], prices: Prices
    ) -> list[tuple[datetime, Callable[[], None]]]:
        """Say when each comes, and how; the caller moves the clock there first."""
        self._prices = prices
        coming = sorted(((self._joins(person), person) for person in cast), key=itemgetter(0))
        if coming and coming[-1][0] > self._lived_from:
            raise ValueError(f"{coming[-1][1].name} comes too late to be there from the start")
        return [(joins, partial(self._subscribe, person)) for joins, person in coming]

    def _joins(self, person: Person) -> datetime:
        """When the first period began, so that the charge named comes when it should."""
        end = self._start + person.charged - BEFORE_CHARGE
        paid = person.paid * person.offer.every
        if person.offer.interval == "week":
            return end - timedelta(weeks=paid)
        return _months_before(end, paid * (12 if person.offer.interval == "year" else 1))

    def _subscribe(self, person: Person) -> None:
        customer, method = self._customer(person)
        price = self._prices[person.offer]
        if person.instalments:
            subscription = self._sandbox.subscribe_in_instalments(
                customer, price, person.instalments
            )
        else:
            subscription = self._sandbox.subscribe(customer, price)
        if person.behaviour:
            self._plan(
                person.charged - 2 * BEFORE_CHARGE,
                "set_behaviour",
                {"method": method["id"], "behaviour": person.behaviour},
            )
        mine = {
            "customer": customer["id"],
            "method": method["id"],
            "subscription": subscription["id"],
            "invoice_of": subscription["id"],
        }
        for deed in person.deeds:
            self._plan(deed.at, deed.action, {deed.about: mine[deed.about], **deed.more})

    def _customer(self, person: Person) -> tuple[Obj, Obj]:
        customer = self._sandbox.create_customer(
            name=person.name,
            email=person.email,
            address={**method_changes.NO_ADDRESS, "country": person.country}
            | ({"state": person.state} if person.state else {}),
        )
        if person.bank:
            method = self._sandbox.create_bank_account(
                customer, type=person.bank, behaviour=[{"do": "process", "in": 0, "reason": None}]
            )
        else:
            last4 = f"{int(ids.fraction(person.email) * 10_000):04d}"
            details = {"number": f"400000000000{last4}", **person.card}
            method = self._sandbox.create_card(customer, behaviour=[], **details)
        method_changes.set_default(self._books, customer, method)
        return customer, method

    def _first_purchase(self, person: Person) -> None:
        customer, method = self._customer(person)
        self._sandbox.set_behaviour(method, person.behaviour)
        self._plan(
            person.charged,
            "subscribe",
            {
                "customer": customer["id"],
                "price": self._prices[person.offer],
                "first_payment_succeeds": False,
            },
        )

    def _commission(self, person: Person) -> None:
        """Write a bill now that is charged on its day."""
        customer, method = self._customer(person)
        self._sandbox.set_behaviour(method, person.behaviour)
        invoice = self._call("/v1/invoices", {"customer": customer["id"], "auto_advance": True})
        self._call(
            "/v1/invoiceitems",
            {
                "customer": customer["id"],
                "invoice": invoice["id"],
                "amount": person.offer.amount,
                "currency": person.offer.currency,
                "description": person.offer.name,
            },
        )
        charge_at(self._sandbox, invoice["id"], self._start + person.charged)

    def _plan(self, at: timedelta, action: str, given: Obj) -> None:
        plans.plan(self._sandbox, self._start + at, action, given)

    def _call(self, path: str, params: Obj) -> Obj:
        key = {"Authorization": f"Bearer {self._sandbox.secret_key}"}
        return self._sandbox.request("POST", path, params, key).body


def charge_at(sandbox: Sandbox, invoice_id: str, moment: datetime) -> None:
    """Let a draft be finalised and charged at this moment."""
    books = sandbox.books()
    invoice = books.get("invoice", invoice_id)
    invoice["automatically_finalizes_at"] = int(moment.timestamp())
    books.save(invoice)
    books.at(int(moment.timestamp()), "invoice.finalize", invoice_id)


def _months_before(moment: datetime, months: int) -> datetime:
    """Go back to the same day of an earlier month; further back where that month is shorter."""
    while True:
        year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
        if moment.day <= calendar.monthrange(year, month + 1)[1]:
            return moment.replace(year=year, month=month + 1)
        # A membership begun on the 28th would never be charged on the 31st.
        months += 1
