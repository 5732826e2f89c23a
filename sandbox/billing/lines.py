"""The lines of a draft and what they add up to."""

from typing import Any

from sandbox.books import Books
from sandbox.types import Obj


def add_line(
    books: Books,
    invoice: Obj,
    *,
    amount: int,
    description: str | None,
    parent: Obj,
    price: Obj | None = None,
    quantity: int = 1,
    period: tuple[int, int] | None = None,
    metadata: Obj | None = None,
) -> None:
    start, end = period or (books.now, books.now)
    pricing: Any = None
    if price is not None:
        pricing = {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    line: Obj = {
        "id": books.new_id("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": books.livemode,
        "metadata": metadata or {},
        "parent": parent,
        "period": {"end": end, "start": start},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "subtotal": amount,
        "taxes": [],
        "_price": price,
        "_subscription": invoice["_subscription"],
    }
    invoice["lines"]["data"].append(line)
    invoice["lines"]["total_count"] = len(invoice["lines"]["data"])
    add_up(books, invoice)


def add_up(books: Books, invoice: Obj) -> None:
    """Sum the lines, then use the customer's balance; a negative total asks for nothing."""
    total = sum(line["amount"] for line in invoice["lines"]["data"])
    due = max(0, total + min(0, invoice["starting_balance"])) if total > 0 else 0
    invoice.update(
        subtotal=total,
        subtotal_excluding_tax=total,
        total=total,
        total_excluding_tax=total,
        amount_due=due,
        amount_remaining=due - invoice["amount_paid"],
    )
    books.save(invoice)


def add_item_line(books: Books, invoice: Obj, item: Obj) -> None:
    """Move a waiting invoice item onto the draft."""
    item["invoice"] = invoice["id"]
    books.save(item)
    add_line(
        books,
        invoice,
        amount=item["amount"],
        description=item["description"],
        price=item["_price"],
        quantity=item["quantity"],
        metadata=dict(item["metadata"]),
        parent={
            "type": "invoice_item_details",
            "invoice_item_details": {
                "invoice_item": item["id"],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["_subscription"],
            },
            "subscription_item_details": None,
        },
    )
