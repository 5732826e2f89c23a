"""GET /v1/account, /v1/accounts."""

from sandbox.books import Books
from sandbox.errors import ApiError
from sandbox.router import Call, page, route
from sandbox.types import Obj


def build(books: Books) -> Obj:
    settings = books.settings
    account: Obj = {
        "id": books.account,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "name": settings["name"],
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": settings["country"],
        "created": books.now,
        "default_currency": settings["currency"],
        "details_submitted": True,
        "email": settings["email"],
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {
                "icon": None,
                "logo": None,
                "primary_color": None,
                "secondary_color": None,
            },
            "card_payments": {"statement_descriptor_prefix": None},
            "dashboard": {"display_name": settings["name"], "timezone": settings["timezone"]},
            "payments": {"statement_descriptor": "SANDBOX"},
        },
        "type": "standard",
    }
    return books.save(account)


@route("GET", "/v1/account")
def retrieve_own(call: Call) -> Obj:
    return call.books.get("account", call.books.account)


@route("GET", "/v1/accounts/{id}")
def retrieve(call: Call) -> Obj:
    sandbox = call.books.sandbox
    connected = call.id in sandbox.connected_accounts() and call.key_account == sandbox.account
    if call.id != call.key_account and not connected:
        raise ApiError(
            403,
            f"The provided key does not have access to account '{call.id}' (or that account does "
            "not exist). Application access may have been revoked.",
            code="account_invalid",
        )
    return sandbox.books(call.id).get("account", call.id)


@route("GET", "/v1/accounts", "AccountListParams")
def list_connected(call: Call) -> Obj:
    sandbox = call.books.sandbox
    ids = sandbox.connected_accounts() if call.key_account == sandbox.account else []
    return page(call, [sandbox.books(id).get("account", id) for id in ids])
