"""Payment methods: Stripe's test numbers and tokens, attach, detach, update.

Source: https://docs.stripe.com/api/payment_methods
"""

from sandbox import cards
from sandbox.billing import method_changes
from sandbox.billing.methods import BANK_DEBITS
from sandbox.books import Books
from sandbox.declines import decline_for
from sandbox.errors import ApiError, invalid, refused
from sandbox.forms import as_int
from sandbox.render import render
from sandbox.resources.common import merge_metadata, metadata_of, required
from sandbox.router import Call, matches, page, route
from sandbox.types import Obj
from sandbox.versions import DEFAULT_VERSION


def new_card(books: Books, card: cards.TestCard, **changes: object) -> Obj:
    """Return a payment method made of one of Stripe's test numbers."""
    details = method_changes.card_details(
        books,
        number=card.number,
        brand=card.brand,
        country=card.country,
        funding=card.funding,
    )
    details.update(changes)
    return method_changes.new_method(books, type="card", details=details, behaviour=card.behaviour)


def take(books: Books, id: str, *, param: str = "payment_method") -> Obj:
    """Return a payment method by id; one of Stripe's test tokens makes a new one."""
    card = cards.BY_TOKEN.get(id)
    if card is not None and not books.livemode:
        return new_card(books, card)
    return books.get("payment_method", id, param=param)


def attach_checked(books: Books, id: str, customer: Obj) -> Obj:
    """Attach after a check with the bank, which the plain declining test cards fail.

    Raises:
        ApiError: 402 if the bank declines, 400 if the method belongs to somebody else.
    """
    method = take(books, id)
    if method["customer"] not in (None, customer["id"]):
        raise refused("The payment method you provided has already been attached to a customer.")
    for rule in method["_behaviour"]:
        if rule.get("at_attach"):
            raise declined_at_attach(method, rule["reason"])
    method_changes.attach(books, method, customer)
    return method


def declined_at_attach(method: Obj, reason: str) -> ApiError:
    decline = decline_for(reason)
    codes = {
        "advice_code": decline.advice_code,
        "decline_code": decline.reason,
        "network_decline_code": decline.network_decline_code,
        "payment_method": render(method, DEFAULT_VERSION),
    }
    return ApiError(
        402,
        decline.message,
        type="card_error",
        code=decline.code,
        param=decline.param,
        stored=True,
        retry=False,
        extra={key: value for key, value in codes.items() if value is not None},
    )


@route("POST", "/v1/payment_methods", "PaymentMethodCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    required(params, "type")
    kind = params["type"]
    if kind == "card":
        method = _card(books, params.get("card") or {})
    elif kind in BANK_DEBITS:
        given = params.get(kind) or {}
        number = str(given.get("iban") or given.get("account_number") or "")
        method = method_changes.new_method(
            books,
            type=kind,
            details=method_changes.bank_details(books, kind, given),
            behaviour=cards.bank_account(number),
        )
    else:
        raise invalid(f"Invalid type: {kind}", param="type")
    method["billing_details"] = method_changes.billing_details(params.get("billing_details"))
    method["metadata"] = metadata_of(params)
    return books.save(method)


def _card(books: Books, given: Obj) -> Obj:
    if "token" in given:
        token = str(given["token"]).replace("tok_", "pm_card_", 1)
        if token in cards.BY_TOKEN:
            return new_card(books, cards.BY_TOKEN[token])
        raise invalid(f"No such token: '{given['token']}'", param="card[token]")
    required(given, "number", "exp_month", "exp_year")
    number = str(given["number"]).replace(" ", "")
    card = cards.BY_NUMBER.get(number)
    if card is None:
        raise declined_at_attach({"type": "card", "_behaviour": []}, "incorrect_number")
    return new_card(
        books,
        card,
        exp_month=as_int(given["exp_month"], param="card[exp_month]"),
        exp_year=as_int(given["exp_year"], param="card[exp_year]"),
    )


@route("GET", "/v1/payment_methods/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("payment_method", call.id)


@route("GET", "/v1/payment_methods", "PaymentMethodListParams")
def list_all(call: Call) -> Obj:
    books, customer = call.books, call.params.get("customer")
    found = books.where("payment_method", "customer", customer) if customer else []
    return page(call, [item for item in found if matches(item, call.params, "type")])


@route("POST", "/v1/payment_methods/{id}", "PaymentMethodUpdateParams")
def update(call: Call) -> Obj:
    """Change billing details or a card's expiry; new card data allows another charge."""
    books, params = call.books, call.params
    method = books.get("payment_method", call.id)
    if method["customer"] is None:
        raise refused("You must save this PaymentMethod to a customer before you can update it.")
    if "billing_details" in params:
        method["billing_details"] = method_changes.billing_details(
            {**method["billing_details"], **params["billing_details"]}
        )
    merge_metadata(method, params)
    given = params.get("card") or {}
    changes = {
        name: as_int(given[name], param=f"card[{name}]")
        for name in ("exp_month", "exp_year")
        if name in given
    }
    if changes and method["type"] == "card":
        method["_behaviour"] = [
            rule for rule in method["_behaviour"] if rule.get("reason") != "expired_card"
        ]
        method_changes.touch(books, method, changes, event="payment_method.updated")
    else:
        books.save(method)
        books.emit("payment_method.updated", method)
    return method


@route("POST", "/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams")
def attach(call: Call) -> Obj:
    required(call.params, "customer")
    customer = call.books.get("customer", call.params["customer"], param="customer")
    return attach_checked(call.books, call.id, customer)


@route("POST", "/v1/payment_methods/{id}/detach", "PaymentMethodDetachParams")
def detach(call: Call) -> Obj:
    method = call.books.get("payment_method", call.id)
    if method["customer"] is None:
        raise refused("The payment method you provided is not attached to a customer.")
    method_changes.detach(call.books, method)
    return method
