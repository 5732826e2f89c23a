"""What customers and banks do by themselves."""

from typing import Any, Literal

from sandbox import cards
from sandbox.billing import collection, disputes, method_changes, side_payments
from sandbox.billing.methods import method_for
from sandbox.books import Books, snapshot
from sandbox.control.base import id_of
from sandbox.control.selling import SellingControls
from sandbox.resources import customers, setup_intents
from sandbox.types import Obj


class ActingControls(SellingControls):
    """New cards, 3DS, payments in person, refunds, disputes."""

    def set_behaviour(
        self, method: Obj | str, behaviour: cards.Behaviour, *, account: str | None = None
    ) -> None:
        """From now on the payment method behaves like this."""
        books = self._me.books(account)
        row = books.get("payment_method", id_of(method))
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
        row = books.get("payment_method", id_of(method))
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
        owner = books.get("customer", id_of(customer))
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
        row = books.get("payment_method", id_of(method))
        row["_behaviour"] = []
        method_changes.update_by_network(books, row)

    def update_card(self, method: Obj | str, *, account: str | None = None, **changes: Any) -> None:
        """Let the customer correct expiry or CVC of the same card."""
        books = self._me.books(account)
        row = books.get("payment_method", id_of(method))
        row["_behaviour"] = []
        method_changes.touch(books, row, changes, event="payment_method.updated")

    def complete_authentication(
        self, invoice: Obj | str, *, succeeds: bool = True, account: str | None = None
    ) -> Obj:
        """Let the customer answer the bank's 3DS question for this invoice."""
        books = self._me.books(account)
        row = books.get("invoice", id_of(invoice))
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
        row = books.get("invoice", id_of(invoice))
        payer = method or self.create_card(row["customer"], behaviour=[], account=account)
        collection.collect(
            books, row, automatic=False, method=payer, off_session=False, authenticated=True
        )
        return row

    def customer_pays_part(
        self, invoice: Obj | str, amount: int, *, account: str | None = None
    ) -> Obj:
        """Let the customer pay some of the invoice with a new card."""
        books = self._me.books(account)
        row = books.get("invoice", id_of(invoice))
        payer = self.create_card(row["customer"], behaviour=[], account=account)
        side_payments.pay_part(books, row, payer, amount)
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
        row = books.get("checkout.session", id_of(session))
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
        row = books.get("billing_portal.session", id_of(session))
        return self.replace_card(row["customer"], behaviour=behaviour, account=account)

    def refund(
        self, charge: Obj | str, *, amount: int | None = None, account: str | None = None
    ) -> Obj:
        """Give a charge back, all that is left of it unless an amount is named."""
        books = self._me.books(account)
        row = books.get("charge", id_of(charge))
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
        return disputes.open_dispute(books, books.get("charge", id_of(charge)), reason=reason)

    def close_dispute(self, dispute: Obj | str, *, won: bool, account: str | None = None) -> None:
        books = self._me.books(account)
        disputes.close_dispute(books, books.get("dispute", id_of(dispute)), won=won)

    def revoke_mandate(self, method: Obj | str, *, account: str | None = None) -> None:
        """Let the customer take the permission for debits back."""
        books = self._me.books(account)
        row = books.get("payment_method", id_of(method))
        mandate = books.find("mandate", row.get("_mandate"))
        if mandate is not None:
            before = snapshot(mandate)
            mandate["status"] = "inactive"
            books.save(mandate)
            books.emit("mandate.updated", mandate, before)
        self.set_behaviour(row, cards.declines("debit_not_authorized"), account=account)


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
