"""Customers.

Source: https://docs.stripe.com/api/customers
"""

from sandbox import ids
from sandbox.billing import subscriptions
from sandbox.books import Books, list_of, snapshot
from sandbox.errors import invalid
from sandbox.forms import as_list
from sandbox.render import includable
from sandbox.resources.common import copy_given, merge_metadata, metadata_of, number
from sandbox.resources.payment_methods import attach_checked
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj

FIELDS = ("name", "email", "phone", "description", "shipping", "address", "business_name")


def new_customer(books: Books, *, metadata: Obj | None = None, **fields: object) -> Obj:
    id = books.new_id("customer")
    customer: Obj = {
        "id": id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": books.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": ids.letters(id, length=8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": books.livemode,
        "metadata": metadata or {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
        **fields,
    }
    books.save(customer)
    books.emit("customer.created", customer)
    return customer


@route("POST", "/v1/customers", "CustomerCreateParams")
def create(call: Call) -> Obj:
    books, params = call.books, call.params
    fields: Obj = {}
    copy_given(fields, params, FIELDS)
    if params.get("test_clock"):
        books.get("test_helpers.test_clock", params["test_clock"], param="test_clock")
        fields["test_clock"] = params["test_clock"]
    fields["preferred_locales"] = as_list(params.get("preferred_locales"))
    fields["balance"] = number(params, "balance", 0)
    customer = new_customer(books, metadata=metadata_of(params), **fields)
    wanted = (params.get("invoice_settings") or {}).get("default_payment_method")
    given = params.get("payment_method") or wanted
    if given:
        method = attach_checked(books, given, customer)
        if wanted:
            customer["invoice_settings"]["default_payment_method"] = method["id"]
    return books.save(customer)


def living(books: Books, id: str, *, param: str = "customer") -> Obj:
    """Return a customer that was not deleted."""
    customer = books.get("customer", id, param=param)
    if customer.get("deleted"):
        raise invalid(f"No such customer: '{id}'", param=param, code="resource_missing")
    return customer


@route("GET", "/v1/customers/{id}")
def retrieve(call: Call) -> Obj:
    customer = call.books.get("customer", call.id)
    if customer.get("deleted"):
        return {"id": customer["id"], "object": "customer", "deleted": True}
    return customer


@route("POST", "/v1/customers/{id}", "CustomerUpdateParams")
def update(call: Call) -> Obj:
    books, params = call.books, call.params
    customer = living(books, call.id, param="id")
    before = snapshot(customer)
    settings = params.get("invoice_settings") or {}
    if "default_payment_method" in settings:
        wanted = settings["default_payment_method"]
        if wanted:
            method = books.get("payment_method", wanted, param="default_payment_method")
            if method["customer"] != customer["id"]:
                raise invalid(
                    "The customer does not have a payment method with the ID "
                    f"{wanted}. The payment method must be attached to the customer.",
                    param="invoice_settings[default_payment_method]",
                    code="resource_missing",
                )
        customer["invoice_settings"]["default_payment_method"] = wanted or None
    if "default_source" in params:
        source = books.get("payment_method", params["default_source"], param="default_source")
        customer["default_source"] = source["id"]
    copy_given(customer, params, FIELDS)
    if "balance" in params:
        customer["balance"] = number(params, "balance", 0)
    merge_metadata(customer, params)
    books.save(customer)
    books.emit("customer.updated", customer, before)
    return customer


@route("DELETE", "/v1/customers/{id}")
def delete(call: Call) -> Obj:
    """Delete the customer; their subscriptions end at once."""
    books = call.books
    customer = living(books, call.id, param="id")
    for subscription in books.where("subscription", "customer", customer["id"]):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            subscriptions.end(books, subscription, reason="cancellation_requested")
    books.emit("customer.deleted", customer)
    customer["deleted"] = True
    books.save(customer)
    return {"id": customer["id"], "object": "customer", "deleted": True}


@route("GET", "/v1/customers", "CustomerListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("customer")
        if not item.get("deleted")
        and matches(item, call.params, "email", "test_clock")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("GET", "/v1/customers/{id}/payment_methods", "CustomerPaymentMethodListParams")
def list_methods(call: Call) -> Obj:
    living(call.books, call.id, param="id")
    found = [
        item
        for item in call.books.where("payment_method", "customer", call.id)
        if matches(item, call.params, "type")
    ]
    return page(call, found)


@includable("customer", "subscriptions")
def subscriptions_of(books: Books, public: Obj) -> Obj:
    found = books.where("subscription", "customer", public["id"])
    living_ones = [item for item in found if item["status"] != "canceled"]
    return list_of(living_ones[::-1], f"/v1/customers/{public['id']}/subscriptions")


@includable("customer", "sources")
def sources_of(books: Books, public: Obj) -> Obj:
    return list_of([], f"/v1/customers/{public['id']}/sources")
