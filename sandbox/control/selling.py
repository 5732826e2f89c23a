"""Customers, their payment methods and what they buy."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox import cards
from sandbox.billing import intents, method_changes, schedules, side_payments, subscriptions
from sandbox.billing.methods import BANK_DEBITS
from sandbox.books import Books
from sandbox.control.base import Controls, id_of
from sandbox.resources import catalog, customers, setup_intents
from sandbox.resources import subscriptions as subscription_calls
from sandbox.resources.schedules import new_schedule, phases_of
from sandbox.types import Obj


class SellingControls(Controls):
    """New customers, cards, bank accounts, subscriptions and payment plans."""

    def create_price(
        self,
        unit_amount: int = 4_900,
        currency: str = "usd",
        *,
        name: str = "Membership",
        interval: str | None = "month",
        interval_count: int = 1,
        account: str | None = None,
    ) -> Obj:
        """Make a product with one price; `unit_amount` in the smallest unit of the currency."""
        books = self._me.books(account)
        product = catalog.new_product(books, name=name)
        return catalog.new_price(
            books,
            product=product["id"],
            unit_amount=unit_amount,
            currency=currency,
            interval=interval,
            interval_count=interval_count,
        )

    def create_customer(self, *, account: str | None = None, **fields: Any) -> Obj:
        """Make a customer without a payment method."""
        return customers.new_customer(self._me.books(account), **fields)

    def create_card(
        self,
        customer: Obj | str,
        *,
        behaviour: cards.Behaviour | None = None,
        number: str = "4242424242424242",
        fingerprint_of: str | None = None,
        account: str | None = None,
        **details: Any,
    ) -> Obj:
        """Make a card attached to the customer, with its own fingerprint unless one is given."""
        books = self._me.books(account)
        owner = books.get("customer", id_of(customer))
        known = cards.BY_NUMBER.get(number)
        given = {"brand": known.brand, "country": known.country} if known else {}
        method = method_changes.new_method(
            books,
            type="card",
            details=method_changes.card_details(
                books,
                number=number,
                fingerprint_of=fingerprint_of or self._me.new_letters(),
                **{**given, **details},
            ),
            behaviour=behaviour if behaviour is not None else (known.behaviour if known else []),
            billing={"name": owner["name"], "email": owner["email"], "address": owner["address"]},
        )
        method_changes.attach(books, method, owner)
        return method

    def create_bank_account(
        self,
        customer: Obj | str,
        *,
        type: str = "us_bank_account",
        behaviour: cards.Behaviour | None = None,
        account: str | None = None,
    ) -> Obj:
        """Make a bank account with a mandate; charges are processing for four days by default."""
        if type not in BANK_DEBITS:
            raise ValueError(f"{type} is no bank debit")
        books = self._me.books(account)
        method = method_changes.new_method(
            books,
            type=type,
            details=method_changes.bank_details(
                books, type, {"account_number": self._me.new_letters(length=12)}
            ),
            behaviour=behaviour if behaviour is not None else cards.settles_later(),
        )
        setup_intents.new_mandate(books, method)
        method_changes.attach(books, method, books.get("customer", id_of(customer)))
        return method

    def create_customer_with_card(
        self,
        *,
        behaviour: cards.Behaviour | None = None,
        number: str = "4242424242424242",
        account: str | None = None,
        **fields: Any,
    ) -> Obj:
        """Make a customer whose card is the default for invoices."""
        customer = self.create_customer(account=account, **fields)
        method = self.create_card(customer, behaviour=behaviour, number=number, account=account)
        method_changes.set_default(self._me.books(account), customer, method)
        return customer

    def subscribe(
        self,
        customer: Obj | str,
        price: Obj | str,
        *,
        account: str | None = None,
        first_payment_succeeds: bool = True,
        **params: Any,
    ) -> Obj:
        """Start a subscription; by default the first payment goes through whatever the card.

        A card's behaviour thus begins with the first renewal.
        """
        books = self._me.books(account)
        owner = books.get("customer", id_of(customer))
        with self._me.lock:
            behaviours = self._suspend_behaviours(books, owner) if first_payment_succeeds else {}
            subscription = subscription_calls.start(
                books,
                {"customer": owner["id"], "items": [{"price": id_of(price)}], **params},
                present=first_payment_succeeds,
            )
            for id, behaviour in behaviours.items():
                method = books.get("payment_method", id)
                method["_behaviour"] = behaviour
                books.save(method)
        return subscription

    def subscribe_in_instalments(
        self,
        customer: Obj | str,
        price: Obj | str,
        count: int,
        *,
        account: str | None = None,
        **params: Any,
    ) -> Obj:
        """Start a payment plan of `count` instalments; returns the subscription."""
        books = self._me.books(account)
        subscription = self.subscribe(customer, price, account=account, **params)
        item = subscription["items"]["data"][0]
        phase = {"items": [{"price": item["price"]["id"]}], "iterations": count}
        schedule = new_schedule(
            books,
            customer=books.get("customer", subscription["customer"]),
            phases=phases_of(books, [phase], item["current_period_start"]),
            end_behavior="cancel",
            metadata={},
        )
        schedules.start(books, schedule, subscription)
        books.emit("subscription_schedule.created", schedule)
        return subscription

    def _suspend_behaviours(self, books: Books, customer: Obj) -> dict[str, cards.Behaviour]:
        kept = {}
        for method in books.where("payment_method", "customer", customer["id"]):
            if method["type"] == "card":
                kept[method["id"]] = method["_behaviour"]
                method["_behaviour"] = []
        return kept

    def charge_once(
        self,
        customer: Obj | str,
        amount: int,
        currency: str = "usd",
        *,
        account: str | None = None,
    ) -> Obj:
        """Make a payment without an invoice; return the charge."""
        books = self._me.books(account)
        owner = books.get("customer", id_of(customer))
        method = books.get("payment_method", owner["invoice_settings"]["default_payment_method"])
        intent = intents.new_intent(books, amount=amount, currency=currency, customer=owner["id"])
        return side_payments.charge_alone(books, intent, method)

    def object(self, kind: str, id: str, *, account: str | None = None) -> Obj:
        """Return the object as it is stored, sandbox notes included. Raises ApiError 404."""
        return self._me.books(account).get(kind, id)

    def objects(self, kind: str, *, account: str | None = None) -> list[Obj]:
        """All objects of a kind, oldest first."""
        return self._me.books(account).all(kind)

    def renew(self, subscription: Obj | str, *, account: str | None = None) -> Obj:
        """Move the clock past the next renewal and its first charge; return the invoice."""
        me = self._me
        row = me.books(account).get("subscription", id_of(subscription))
        due = subscriptions.period_of(row)[1]
        ahead = datetime.fromtimestamp(due, UTC) - me.clock.now()
        me.advance(max(ahead, timedelta(0)) + timedelta(hours=1, minutes=1))
        return me.books(account).get("invoice", row["latest_invoice"])
