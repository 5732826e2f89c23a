"""Changes of payment methods: new ones, attached ones, updated by the card network."""

from datetime import UTC, datetime
from typing import Any

from sandbox import cards, ids
from sandbox.books import Books, snapshot
from sandbox.types import Obj

NO_ADDRESS = {
    "city": None,
    "country": None,
    "line1": None,
    "line2": None,
    "postal_code": None,
    "state": None,
}


def billing_details(given: Obj | None = None) -> Obj:
    details: Obj = {"address": {**NO_ADDRESS}, "email": None, "name": None, "phone": None}
    details["tax_id"] = None
    for key, value in (given or {}).items():
        details[key] = {**NO_ADDRESS, **(value or {})} if key == "address" else value
    return details


def new_method(
    books: Books,
    *,
    type: str,
    details: Obj,
    behaviour: cards.Behaviour,
    billing: Obj | None = None,
    metadata: Obj | None = None,
    id: str | None = None,
) -> Obj:
    method: Obj = {
        "id": id or books.new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(billing),
        "created": books.now,
        "customer": None,
        "customer_account": None,
        "livemode": books.livemode,
        "metadata": metadata or {},
        "type": type,
        type: details,
        "_behaviour": [dict(rule) for rule in behaviour],
        "_version": 1,
        "_authenticated": False,
    }
    return books.save(method)


def card_details(
    books: Books,
    *,
    number: str = "4242424242424242",
    brand: str = "visa",
    country: str = "US",
    funding: str = "credit",
    exp_month: int | None = None,
    exp_year: int | None = None,
    fingerprint_of: str | None = None,
) -> Obj:
    """Return the `card` hash. The fingerprint depends on account and number alone, as Stripe's does.

    `fingerprint_of` replaces the number where the same test number shall be another card.
    """
    year = datetime.fromtimestamp(books.now, UTC).year
    return {
        "brand": brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": country,
        "display_brand": brand,
        "exp_month": exp_month or 12,
        "exp_year": exp_year or year + 3,
        "fingerprint": ids.letters(books.account, fingerprint_of or number, length=16),
        "funding": funding,
        "generated_from": None,
        "last4": number[-4:],
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def bank_details(books: Books, type: str, given: Obj) -> Obj:
    """Return the hash of a bank debit, with what of the account may be shown."""
    number = str(given.get("iban") or given.get("account_number") or "000123456789")
    shared = {
        "fingerprint": ids.letters(books.account, number, length=16),
        "last4": number[-4:],
    }
    own: dict[str, Obj] = {
        "us_bank_account": {
            "account_holder_type": given.get("account_holder_type", "individual"),
            "account_type": given.get("account_type", "checking"),
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": given.get("routing_number", "110000000"),
            "status_details": {},
        },
        "sepa_debit": {
            "bank_code": "37040044",
            "branch_code": "",
            "country": number[:2] if number[:2].isalpha() else "DE",
            "generated_from": {"charge": None, "setup_attempt": None},
        },
        "bacs_debit": {"sort_code": "108800"},
        "au_becs_debit": {"bsb_number": "000000"},
        "acss_debit": {
            "bank_name": "STRIPE TEST BANK",
            "institution_number": "000",
            "transit_number": "11000",
        },
        "nz_bank_account": {
            "account_holder_name": None,
            "bank_code": "11",
            "bank_name": "STRIPE TEST BANK",
            "branch_code": "0000",
            "suffix": "000",
        },
    }
    return {**own.get(type, {}), **shared}


def attach(books: Books, method: Obj, customer: Obj) -> None:
    before = snapshot(method)
    method["customer"] = customer["id"]
    books.save(method)
    if before["customer"] != customer["id"]:
        books.emit("payment_method.attached", method)


def detach(books: Books, method: Obj) -> None:
    """Take the method off its customer, also where it was the default."""
    before = snapshot(method)
    customer = books.find("customer", method["customer"])
    method["customer"] = None
    books.save(method)
    books.emit("payment_method.detached", method, before)
    if customer is None:
        return
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        set_default(books, customer, None)
    for subscription in books.where("subscription", "customer", customer["id"]):
        if subscription["default_payment_method"] == method["id"]:
            set_subscription_default(books, subscription, None)


def set_default(books: Books, customer: Obj, method: Obj | None) -> None:
    """Make the method the one invoices of this customer are paid with."""
    before = snapshot(customer)
    customer["invoice_settings"]["default_payment_method"] = method["id"] if method else None
    books.save(customer)
    books.emit("customer.updated", customer, before)


def set_subscription_default(books: Books, subscription: Obj, method: Obj | None) -> None:
    before = snapshot(subscription)
    subscription["default_payment_method"] = method["id"] if method else None
    books.save(subscription)
    books.emit("customer.subscription.updated", subscription, before)


def touch(books: Books, method: Obj, changes: dict[str, Any], *, event: str) -> None:
    """Give a card new data: one that was refused may be tried again."""
    before = snapshot(method)
    method["card"] = {**method["card"], **changes}
    method["_version"] += 1
    books.save(method)
    books.emit(event, method, before)


def update_by_network(books: Books, method: Obj) -> None:
    """Take over the network's data of the replacing card: new number, expiry, fingerprint."""
    if method["type"] != "card":
        return
    method["_behaviour"] = [rule for rule in method["_behaviour"] if not rule.get("update_after")]
    year = datetime.fromtimestamp(books.now, UTC).year
    word = ids.letters(books.account, method["id"], method["_version"], length=16)
    touch(
        books,
        method,
        {
            "exp_month": 12,
            "exp_year": year + 4,
            "last4": f"{int(ids.fraction(word) * 10_000):04d}",
            "fingerprint": word,
        },
        event="payment_method.automatically_updated",
    )
