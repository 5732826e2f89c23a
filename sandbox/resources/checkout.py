"""Checkout sessions in setup mode: the customer enters a new card.

The page itself is completed by `Sandbox.complete_checkout`.
Source: https://docs.stripe.com/api/checkout/sessions
"""

from sandbox.books import HOUR
from sandbox.errors import invalid, refused
from sandbox.resources.common import copy_given, metadata_of, number, required
from sandbox.resources.setup_intents import new_setup_intent
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj

DEFAULT_LIFE = 24 * HOUR
SHORTEST_LIFE = HOUR // 2


@route("POST", "/v1/checkout/sessions", "checkout.SessionCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    if params.get("mode") != "setup":
        raise invalid("The sandbox knows checkout sessions in setup mode only.", param="mode")
    required(params, "success_url")
    customer = params.get("customer")
    if customer:
        books.get("customer", customer, param="customer")
    else:
        required(params, "currency")
    expires = number(params, "expires_at", books.now + DEFAULT_LIFE) or 0
    if not books.now + SHORTEST_LIFE <= expires <= books.now + DEFAULT_LIFE:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.",
            param="expires_at",
        )
    types = list(params.get("payment_method_types") or ["card"])
    intent = new_setup_intent(
        books,
        customer=customer,
        method_types=types,
        metadata=metadata_of(params.get("setup_intent_data") or {}),
    )
    id = books.new_id("checkout.session")
    session: Obj = {
        "id": id,
        "object": "checkout.session",
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "billing_address_collection": None,
        "cancel_url": None,
        "client_reference_id": None,
        "client_secret": None,
        "consent": None,
        "consent_collection": None,
        "created": books.now,
        "currency": params.get("currency"),
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer,
        "customer_account": None,
        "customer_creation": None,
        "customer_details": None,
        "customer_email": None,
        "discounts": None,
        "expires_at": expires,
        "invoice": None,
        "invoice_creation": None,
        "livemode": books.livemode,
        "locale": None,
        "metadata": metadata_of(params),
        "mode": "setup",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": types,
        "payment_status": "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": intent["id"],
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"https://checkout.stripe.com/c/pay/{id}",
        "wallet_options": None,
    }
    copy_given(session, params, ("cancel_url", "client_reference_id", "locale"))
    books.at(expires, "session.expire", id)
    return books.save(session)


@route("GET", "/v1/checkout/sessions/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("checkout.session", call.id)


@route("GET", "/v1/checkout/sessions", "checkout.SessionListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("checkout.session")
        if matches(item, call.params, "customer", "status")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/checkout/sessions/{id}/expire", "checkout.SessionExpireParams")
def expire(call: Call) -> Obj:
    books, session = call.books, call.books.get("checkout.session", call.id)
    if session["status"] != "open":
        raise refused("Only Checkout Sessions with a status of open can be expired.")
    session.update(status="expired", url=None)
    books.save(session)
    books.emit("checkout.session.expired", session)
    return session
