"""What tests and the demo do to the sandbox from outside Stripe's API.

Here the customers act (a new card, a 3DS confirmation), the banks and the merchant in the
dashboard. Nothing done here is judged.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from sandbox import cards
from sandbox.billing import collection, disputes, intents, method_changes, subscriptions
from sandbox.billing.methods import BANK_DEBITS, method_for
from sandbox.billing.retries import RetrySettings
from sandbox.books import Books, snapshot
from sandbox.resources import accounts, catalog, customers, setup_intents, webhook_endpoints
from sandbox.resources import subscriptions as subscription_calls
from sandbox.types import Obj
from sandbox.webhooks import Deliverer, Send

if TYPE_CHECKING:
    from sandbox.core import Sandbox

HOUSE = ""


class Control:
    """Mixed into `Sandbox`. Every method takes `account`: None means the platform's own."""

    @property
    def _me(self) -> "Sandbox":
        return cast("Sandbox", self)

    # The platform

    def add_account(
        self,
        id: str | None = None,
        *,
        name: str = "Sandbox Merchant",
        keys: list[str] | None = None,
        connected: bool = True,
        livemode: bool = False,
        country: str = "US",
        currency: str = "usd",
        timezone: str = "America/New_York",
        retries: RetrySettings | None = None,
    ) -> str:
        """Add an account and return its id; a connected one answers to the platform's key."""
        me = self._me
        account = id or ("acct_" + me.new_letters(length=16) if connected else me.account)
        settings: Obj = {
            "name": name,
            "email": "owner@example.com",
            "country": country,
            "currency": currency,
            "timezone": timezone,
            "livemode": livemode,
            "connected": connected,
            "api_version": me.api_version,
            "retries": (retries or RetrySettings()).as_row(),
            "automations": False,
            "action_required_also_fails": True,
        }
        with me.lock:
            me.store.put(HOUSE, "settings", account, settings)
            for key in keys or []:
                self.add_key(key, account=account)
            accounts.build(me.books(account))
        return account

    def add_key(
        self, key: str, *, account: str | None = None, permissions: list[str] | None = None
    ) -> str:
        """Let calls in with this key. `permissions` such as "invoices:write" restrict it."""
        me = self._me
        row: Obj = {
            "id": key,
            "account": account or me.account,
            "livemode": "_live_" in key,
            "permissions": permissions,
        }
        me.store.put(HOUSE, "key", key, row)
        return key

    def connected_accounts(self) -> list[str]:
        me = self._me
        return [
            account
            for account in me.store.accounts()
            if account and me.settings_of(account)["connected"]
        ]

    def disconnect(self, account: str) -> None:
        """Take the platform's access to a connected account away."""
        me = self._me
        books = me.books(account)
        books.emit(
            "account.application.deauthorized", {"id": "ca_sandbox", "object": "application"}
        )
        me.store.put(HOUSE, "settings", account, {**me.settings_of(account), "connected": False})

    def add_endpoint(
        self,
        url: str,
        *,
        events: Iterable[str] = ("*",),
        secret: str | None = None,
        api_version: str | None = None,
        connect: bool = False,
        account: str | None = None,
    ) -> Obj:
        """Register a webhook endpoint with a known secret; the same address only once."""
        books = self._me.books(account)
        for endpoint in books.all("webhook_endpoint"):
            if endpoint["url"] == url and endpoint["_connect"] == connect:
                return endpoint
        return webhook_endpoints.new_endpoint(
            books,
            url=url,
            enabled_events=list(events),
            api_version=api_version,
            connect=connect,
            secret=secret,
        )

    def rotate_secret(self, endpoint: str, new: str, *, account: str | None = None) -> None:
        """Sign with the new secret as well as with the former one."""
        books = self._me.books(account)
        row = books.get("webhook_endpoint", endpoint)
        row["_secrets"] = [new, *row["_secrets"][:1]]
        books.save(row)

    def deliver_to(self, send: Send) -> Deliverer:
        """Make a deliverer that hands every letter to `send(url, body, headers) -> status`."""
        return Deliverer(self._me, send)

    # Customers and what they buy

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
        owner = books.get("customer", _id(customer))
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
        method_changes.attach(books, method, books.get("customer", _id(customer)))
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
        owner = books.get("customer", _id(customer))
        with self._me.lock:
            behaviours = self._suspend_behaviours(books, owner) if first_payment_succeeds else {}
            subscription = subscription_calls.start(
                books, {"customer": owner["id"], "items": [{"price": _id(price)}], **params}
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
        from sandbox.billing import schedules
        from sandbox.resources.schedules import new_schedule, phases_of

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

    # What customers and banks do

    def set_behaviour(
        self, method: Obj | str, behaviour: cards.Behaviour, *, account: str | None = None
    ) -> None:
        """From now on the payment method behaves like this."""
        books = self._me.books(account)
        row = books.get("payment_method", _id(method))
        row["_behaviour"] = [dict(rule) for rule in behaviour]
        books.save(row)

    def fail_next(
        self,
        method: Obj | str,
        reason: str = "insufficient_funds",
        *,
        times: int = 1,
        account: str | None = None,
    ) -> None:
        """Let the next charges of this payment method be declined, then go on as before."""
        books = self._me.books(account)
        row = books.get("payment_method", _id(method))
        row["_behaviour"] = [*cards.declines(reason, times=times), *row["_behaviour"]]
        books.save(row)

    def replace_card(
        self,
        customer: Obj | str,
        *,
        where: Literal["customer", "subscription"] = "customer",
        behaviour: cards.Behaviour | None = None,
        account: str | None = None,
    ) -> Obj:
        """Let the customer enter another card, for all invoices or for their subscriptions only."""
        books = self._me.books(account)
        method = self.create_card(customer, behaviour=behaviour or [], account=account)
        owner = books.get("customer", _id(customer))
        if where == "customer":
            method_changes.set_default(books, owner, method)
        else:
            for subscription in books.where("subscription", "customer", owner["id"]):
                if subscription["status"] not in ("canceled", "incomplete_expired"):
                    method_changes.set_subscription_default(books, subscription, method)
        return method

    def update_by_network(self, method: Obj | str, *, account: str | None = None) -> None:
        """Let the card network send the data of a replaced card: the old one's troubles are over."""
        books = self._me.books(account)
        row = books.get("payment_method", _id(method))
        row["_behaviour"] = []
        method_changes.update_by_network(books, row)

    def update_card(self, method: Obj | str, *, account: str | None = None, **changes: Any) -> None:
        """Let the customer correct expiry or CVC of the same card."""
        books = self._me.books(account)
        row = books.get("payment_method", _id(method))
        row["_behaviour"] = []
        method_changes.touch(books, row, changes, event="payment_method.updated")

    def complete_authentication(
        self, invoice: Obj | str, *, succeeds: bool = True, account: str | None = None
    ) -> Obj:
        """Let the customer answer the bank's 3DS question for this invoice."""
        books = self._me.books(account)
        row = books.get("invoice", _id(invoice))
        intent = books.get("payment_intent", row["_payment_intent"])
        method = books.find("payment_method", intent["payment_method"]) or method_for(books, row)
        if method is None:
            raise LookupError("nothing to authenticate")
        if succeeds:
            collection.collect(
                books,
                row,
                automatic=False,
                method=method,
                off_session=False,
                authenticated=True,
            )
        else:
            _fail_authentication(books, intent)
        return row

    def customer_pays(
        self, invoice: Obj | str, *, method: Obj | None = None, account: str | None = None
    ) -> Obj:
        """Let the customer pay the invoice on its hosted page; a new card unless one is given."""
        books = self._me.books(account)
        row = books.get("invoice", _id(invoice))
        payer = method or self.create_card(row["customer"], behaviour=[], account=account)
        collection.collect(
            books, row, automatic=False, method=payer, off_session=False, authenticated=True
        )
        return row

    def complete_checkout(
        self,
        session: Obj | str,
        *,
        behaviour: cards.Behaviour | None = None,
        number: str = "4242424242424242",
        account: str | None = None,
    ) -> Obj:
        """Let the customer enter a card on the Checkout page; returns the payment method."""
        books = self._me.books(account)
        row = books.get("checkout.session", _id(session))
        if row["status"] != "open":
            raise LookupError(f"the session is {row['status']}")
        if row["customer"] is None:
            row["customer"] = customers.new_customer(books)["id"]
        method = self.create_card(
            row["customer"], behaviour=behaviour or [], number=number, account=account
        )
        setup_intents.succeed(books, books.get("setup_intent", row["setup_intent"]), method)
        row.update(status="complete", url=None)
        books.at(None, "session.expire", row["id"])
        books.save(row)
        books.emit("checkout.session.completed", row)
        return method

    def complete_portal(
        self,
        session: Obj | str,
        *,
        behaviour: cards.Behaviour | None = None,
        account: str | None = None,
    ) -> Obj:
        """Let the customer change the card in the portal, which sets the customer's default."""
        books = self._me.books(account)
        row = books.get("billing_portal.session", _id(session))
        return self.replace_card(row["customer"], behaviour=behaviour, account=account)

    def refund(
        self, charge: Obj | str, *, amount: int | None = None, account: str | None = None
    ) -> Obj:
        """Give a charge back, all that is left of it unless an amount is named."""
        books = self._me.books(account)
        row = books.get("charge", _id(charge))
        return disputes.refund(
            books,
            row,
            amount=amount or row["amount"] - row["amount_refunded"],
            reason="requested_by_customer",
            metadata={},
            fails=False,
        )

    def dispute(
        self, charge: Obj | str, *, reason: str = "fraudulent", account: str | None = None
    ) -> Obj:
        """Let the cardholder's bank take a charge back, also days after a bank debit succeeded."""
        books = self._me.books(account)
        return disputes.open_dispute(books, books.get("charge", _id(charge)), reason=reason)

    def close_dispute(self, dispute: Obj | str, *, won: bool, account: str | None = None) -> None:
        books = self._me.books(account)
        disputes.close_dispute(books, books.get("dispute", _id(dispute)), won=won)

    def revoke_mandate(self, method: Obj | str, *, account: str | None = None) -> None:
        """Let the customer take the permission for debits back."""
        books = self._me.books(account)
        row = books.get("payment_method", _id(method))
        mandate = books.find("mandate", row.get("_mandate"))
        if mandate is not None:
            before = snapshot(mandate)
            mandate["status"] = "inactive"
            books.save(mandate)
            books.emit("mandate.updated", mandate, before)
        self.set_behaviour(row, cards.declines("debit_not_authorized"), account=account)

    # The merchant in the dashboard

    def cancel_subscription(self, subscription: Obj | str, *, account: str | None = None) -> None:
        books = self._me.books(account)
        row = books.get("subscription", _id(subscription))
        subscriptions.end(books, row, reason="cancellation_requested")

    def set_automations(self, on: bool, *, account: str | None = None) -> None:
        """With automations a first failure shows no next time; invoice.updated brings it."""
        self._me._set(account, automations=on)

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
        owner = books.get("customer", _id(customer))
        method = books.get("payment_method", owner["invoice_settings"]["default_payment_method"])
        intent = intents.new_intent(books, amount=amount, currency=currency, customer=owner["id"])
        return collection.charge_alone(books, intent, method)

    # What tests ask

    def object(self, kind: str, id: str, *, account: str | None = None) -> Obj:
        """Return the object as it is stored, sandbox notes included. Raises ApiError 404."""
        return self._me.books(account).get(kind, id)

    def objects(self, kind: str, *, account: str | None = None) -> list[Obj]:
        """All objects of a kind, oldest first."""
        return self._me.books(account).all(kind)

    def renew(self, subscription: Obj | str, *, account: str | None = None) -> Obj:
        """Move the clock past the next renewal and its first charge; return the invoice."""
        me = self._me
        row = me.books(account).get("subscription", _id(subscription))
        due = subscriptions.period_of(row)[1]
        ahead = datetime.fromtimestamp(due, me.clock.now().tzinfo) - me.clock.now()
        me.advance(max(ahead, timedelta(0)) + timedelta(hours=1, minutes=1))
        return me.books(account).get("invoice", row["latest_invoice"])


def _id(obj: Obj | str) -> str:
    return obj if isinstance(obj, str) else str(obj["id"])


def _fail_authentication(books: Books, intent: Obj) -> None:
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error={
            "code": "payment_intent_authentication_failure",
            "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
            "message": "The provided PaymentMethod has failed authentication.",
            "type": "invalid_request_error",
        },
    )
    books.save(intent)
    books.emit("payment_intent.payment_failed", intent)
