"""Setup intents: saving a payment method for later.

Source: https://docs.stripe.com/api/setup_intents
"""

from sandbox.billing import method_changes
from sandbox.books import Books
from sandbox.resources.common import metadata_of
from sandbox.resources.payment_methods import attach_checked, take
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj


def new_setup_intent(
    books: Books, *, customer: str | None, method_types: list[str], metadata: Obj | None = None
) -> Obj:
    id = books.new_id("setup_intent")
    intent: Obj = {
        "id": id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{books.sandbox.new_letters()}",
        "created": books.now,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": books.livemode,
        "mandate": None,
        "metadata": metadata or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": method_types,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
    books.save(intent)
    books.emit("setup_intent.created", intent)
    return intent


def succeed(books: Books, intent: Obj, method: Obj) -> None:
    """Save the method the customer gave and authenticated."""
    method["_authenticated"] = True
    if intent["customer"]:
        customer = books.get("customer", intent["customer"])
        method_changes.attach(books, method, customer)
    if method["type"] != "card":
        intent["mandate"] = new_mandate(books, method)["id"]
    intent.update(status="succeeded", payment_method=method["id"])
    books.save(method)
    books.save(intent)
    books.emit("setup_intent.succeeded", intent)


def new_mandate(books: Books, method: Obj) -> Obj:
    """Make the customer's permission to debit the account later."""
    mandate: Obj = {
        "id": books.new_id("mandate"),
        "object": "mandate",
        "customer_acceptance": {
            "accepted_at": books.now,
            "online": {"ip_address": "127.0.0.1", "user_agent": "sandbox"},
            "type": "online",
        },
        "livemode": books.livemode,
        "multi_use": {},
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: {}},
        "status": "active",
        "type": "multi_use",
    }
    method["_mandate"] = mandate["id"]
    books.save(method)
    return books.save(mandate)


@route("POST", "/v1/setup_intents", "SetupIntentCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    customer = params.get("customer")
    if customer:
        books.get("customer", customer, param="customer")
    types = list(params.get("payment_method_types") or ["card"])
    intent = new_setup_intent(
        books, customer=customer, method_types=types, metadata=metadata_of(params)
    )
    if params.get("payment_method"):
        intent["payment_method"] = take(books, params["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
        books.save(intent)
        if str(params.get("confirm")).lower() == "true":
            return _confirm(books, intent)
    return intent


@route("GET", "/v1/setup_intents/{id}", "SetupIntentRetrieveParams")
def retrieve(call: Call) -> Obj:
    return call.books.get("setup_intent", call.id)


@route("GET", "/v1/setup_intents", "SetupIntentListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("setup_intent")
        if matches(item, call.params, "customer", "payment_method")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/setup_intents/{id}/confirm", "SetupIntentConfirmParams")
def confirm(call: Call) -> Obj:
    intent = call.books.get("setup_intent", call.id)
    if call.params.get("payment_method"):
        intent["payment_method"] = take(call.books, call.params["payment_method"])["id"]
    return _confirm(call.books, intent)


def _confirm(books: Books, intent: Obj) -> Obj:
    method = books.get("payment_method", intent["payment_method"], param="payment_method")
    if intent["customer"]:
        attach_checked(books, method["id"], books.get("customer", intent["customer"]))
    if any(rule["do"] == "authenticate" for rule in method["_behaviour"]):
        intent.update(
            status="requires_action",
            next_action={
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect"},
            },
        )
        books.save(intent)
        books.emit("setup_intent.requires_action", intent)
        return intent
    succeed(books, intent, method)
    return intent
