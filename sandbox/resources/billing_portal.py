"""Customer portal sessions.

The page itself is completed by `Sandbox.complete_portal`.
Source: https://docs.stripe.com/api/customer_portal/sessions
"""

from sandbox.resources.common import required
from sandbox.resources.customers import living
from sandbox.router import Call, route
from sandbox.types import Obj


@route("POST", "/v1/billing_portal/sessions", "billing_portal.SessionCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    required(params, "customer")
    customer = living(books, params["customer"])
    id = books.new_id("billing_portal.session")
    flow = params.get("flow_data")
    session: Obj = {
        "id": id,
        "object": "billing_portal.session",
        "configuration": params.get("configuration") or "bpc_" + books.account[5:],
        "created": books.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": None,
        "livemode": books.livemode,
        "locale": params.get("locale"),
        "on_behalf_of": None,
        "return_url": params.get("return_url"),
        "url": f"https://billing.stripe.com/p/session/{id}",
    }
    if flow:
        required(flow, "type")
        session["flow"] = {
            "after_completion": flow.get("after_completion")
            or {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"},
            "subscription_cancel": None,
            "subscription_update": None,
            "subscription_update_confirm": None,
            "type": flow["type"],
        }
    books.save(session)
    books.emit("billing_portal.session.created", session)
    return session
