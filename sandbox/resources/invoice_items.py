"""Invoice items: what waits for the customer's next invoice.

Source: https://docs.stripe.com/api/invoiceitems
"""

from sandbox.billing import lines
from sandbox.errors import invalid, refused
from sandbox.resources.common import (
    amount,
    currency_of,
    merge_metadata,
    metadata_of,
    number,
    required,
)
from sandbox.resources.customers import living
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj


@route("POST", "/v1/invoiceitems", "InvoiceItemCreateParams")
def create(call: Call) -> Obj:
    """Add an item to a draft at once, or let it wait for the next invoice."""
    books, params = call.books, call.params
    required(params, "customer")
    customer = living(books, params["customer"])
    quantity = number(params, "quantity", 1) or 1
    price: Obj | None = None
    wanted = (params.get("pricing") or {}).get("price")
    if wanted:
        price = books.get("price", wanted, param="pricing[price]")
        currency, total = price["currency"], price["unit_amount"] * quantity
    else:
        currency = currency_of(params)
        if "amount" not in params:
            raise invalid("One of amount or pricing is required.", param="amount")
        total = amount(params["amount"], currency)
    item: Obj = {
        "id": books.new_id("invoiceitem"),
        "object": "invoiceitem",
        "amount": total,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "date": books.now,
        "description": params.get("description"),
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": books.livemode,
        "metadata": metadata_of(params),
        "net_amount": total,
        "parent": None,
        "period": {"end": books.now, "start": books.now},
        "pricing": None,
        "proration": False,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": customer["test_clock"],
        "_price": price,
        "_subscription": params.get("subscription"),
    }
    if price is not None:
        item["pricing"] = {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    books.save(item)
    books.emit("invoiceitem.created", item)
    if params.get("invoice"):
        invoice = books.get("invoice", params["invoice"], param="invoice")
        if invoice["status"] != "draft":
            raise refused("You can only add items to a draft invoice.", param="invoice")
        lines.add_item_line(books, invoice, item)
    return item


@route("GET", "/v1/invoiceitems/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("invoiceitem", call.id)


@route("GET", "/v1/invoiceitems", "InvoiceItemListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("invoiceitem")
        if matches(item, call.params, "customer", "invoice")
        and within(item["date"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/invoiceitems/{id}", "InvoiceItemUpdateParams")
def update(call: Call) -> Obj:
    item = call.books.get("invoiceitem", call.id)
    if item["invoice"] is not None:
        raise refused("You can only change items that wait for an invoice.")
    if "amount" in call.params:
        item["amount"] = amount(call.params["amount"], item["currency"])
        item["net_amount"] = item["amount"]
    if "description" in call.params:
        item["description"] = call.params["description"] or None
    merge_metadata(item, call.params)
    return call.books.save(item)


@route("DELETE", "/v1/invoiceitems/{id}")
def delete(call: Call) -> Obj:
    item = call.books.get("invoiceitem", call.id)
    if item["invoice"] is not None:
        raise refused("You can only delete items that wait for an invoice.")
    call.books.delete(item)
    call.books.emit("invoiceitem.deleted", item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}
