"""Products and prices.

Source: https://docs.stripe.com/api/products, /api/prices
"""

from sandbox.books import Books, snapshot
from sandbox.errors import invalid, refused
from sandbox.resources.common import (
    amount,
    copy_given,
    currency_of,
    flag,
    merge_metadata,
    metadata_of,
    number,
    required,
)
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj

INTERVALS = ("day", "week", "month", "year")


def new_product(
    books: Books, *, name: str, id: str | None = None, metadata: Obj | None = None
) -> Obj:
    product: Obj = {
        "id": id or books.new_id("product"),
        "object": "product",
        "active": True,
        "created": books.now,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": books.livemode,
        "marketing_features": [],
        "metadata": metadata or {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": books.now,
        "url": None,
    }
    books.save(product)
    books.emit("product.created", product)
    return product


def new_price(
    books: Books,
    *,
    product: str,
    unit_amount: int,
    currency: str,
    interval: str | None = "month",
    interval_count: int = 1,
    nickname: str | None = None,
    metadata: Obj | None = None,
) -> Obj:
    """Make a price per unit; without `interval` it is paid once."""
    recurring: Obj | None = None
    if interval is not None:
        recurring = {
            "interval": interval,
            "interval_count": interval_count,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        }
    price: Obj = {
        "id": books.new_id("price"),
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": books.now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": books.livemode,
        "lookup_key": None,
        "metadata": metadata or {},
        "nickname": nickname,
        "product": product,
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": str(unit_amount),
    }
    books.save(price)
    books.emit("price.created", price)
    return price


@route("POST", "/v1/products", "ProductCreateParams")
def create_product(call: Call) -> Obj:
    books, params = call.books, call.params
    required(params, "name")
    if books.find("product", params.get("id")):
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    product = new_product(
        books, name=params["name"], id=params.get("id"), metadata=metadata_of(params)
    )
    copy_given(product, params, ("description", "url", "statement_descriptor", "unit_label"))
    product["active"] = flag(params, "active", True)
    return books.save(product)


@route("GET", "/v1/products/{id}")
def retrieve_product(call: Call) -> Obj:
    return call.books.get("product", call.id)


@route("POST", "/v1/products/{id}", "ProductUpdateParams")
def update_product(call: Call) -> Obj:
    books, product = call.books, call.books.get("product", call.id)
    before = snapshot(product)
    copy_given(product, call.params, ("name", "description", "url", "default_price"))
    product["active"] = flag(call.params, "active", product["active"])
    merge_metadata(product, call.params)
    product["updated"] = books.now
    books.save(product)
    books.emit("product.updated", product, before)
    return product


@route("GET", "/v1/products", "ProductListParams")
def list_products(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("product")
        if within(item["created"], call.params.get("created"))
    ]
    if "active" in call.params:
        found = [item for item in found if item["active"] == flag(call.params, "active")]
    return page(call, found)


@route("GET", "/v1/products/{id}/features", "ProductFeatureListParams")
def list_features(call: Call) -> Obj:
    call.books.get("product", call.id)
    return page(call, [])


@route("POST", "/v1/prices", "PriceCreateParams")
def create_price(call: Call) -> Obj:
    books, params = call.books, call.params
    currency = currency_of(params)
    required(params, "unit_amount")
    if "product_data" in params:
        product = new_product(books, name=params["product_data"]["name"])["id"]
    else:
        required(params, "product")
        product = books.get("product", params["product"], param="product")["id"]
    recurring = params.get("recurring")
    if recurring and recurring.get("interval") not in INTERVALS:
        raise invalid("Invalid recurring[interval]", param="recurring[interval]")
    price = new_price(
        books,
        product=product,
        unit_amount=amount(params["unit_amount"], currency, param="unit_amount"),
        currency=currency,
        interval=recurring["interval"] if recurring else None,
        interval_count=(number(recurring, "interval_count", 1) or 1) if recurring else 1,
        nickname=params.get("nickname"),
        metadata=metadata_of(params),
    )
    copy_given(price, params, ("lookup_key", "tax_behavior"))
    return books.save(price)


@route("GET", "/v1/prices/{id}")
def retrieve_price(call: Call) -> Obj:
    return call.books.get("price", call.id)


@route("POST", "/v1/prices/{id}", "PriceUpdateParams")
def update_price(call: Call) -> Obj:
    books, price = call.books, call.books.get("price", call.id)
    before = snapshot(price)
    price["active"] = flag(call.params, "active", price["active"])
    copy_given(price, call.params, ("nickname", "lookup_key"))
    merge_metadata(price, call.params)
    books.save(price)
    books.emit("price.updated", price, before)
    return price


@route("GET", "/v1/prices", "PriceListParams")
def list_prices(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("price")
        if matches(item, call.params, "product", "type", "currency")
        and within(item["created"], call.params.get("created"))
    ]
    if "active" in call.params:
        found = [item for item in found if item["active"] == flag(call.params, "active")]
    return page(call, found)


def recurring_price(books: Books, id: str, *, param: str) -> Obj:
    """Return a price a subscription can be made of."""
    price = books.get("price", id, param=param)
    if price["recurring"] is None:
        raise refused(
            f"The price specified is set to `type=one_time` but this field only accepts prices "
            f"with `type=recurring`: {id}",
            param=param,
        )
    return price
