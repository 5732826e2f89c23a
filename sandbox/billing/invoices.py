"""The life of an invoice up to its first charge.

Source: https://docs.stripe.com/invoicing/integration/automatic-advancement-collection
"""

from typing import Any

from sandbox.billing import collection, standing
from sandbox.books import DAY, HOUR, Books, list_of, snapshot
from sandbox.types import Obj

# A renewal stays a draft for about an hour, so that a listener may still add to it.
DRAFT_TIME = HOUR
HOSTED_PAGE = "https://invoice.stripe.com/i"


def new_invoice(
    books: Books,
    *,
    customer: Obj,
    currency: str,
    billing_reason: str,
    subscription: Obj | None = None,
    period: tuple[int, int] | None = None,
    auto_advance: bool = True,
    collection_method: str = "charge_automatically",
    days_until_due: int | None = None,
    given: Obj | None = None,
) -> Obj:
    """Make a draft without lines. `given` holds further fields the caller set."""
    now, id = books.now, books.new_id("invoice")
    start, end = period or (now, now)
    due = now + days_until_due * DAY if days_until_due is not None else None
    invoice: Obj = {
        "id": id,
        "object": "invoice",
        "account_country": books.settings["country"],
        "account_name": books.settings["name"],
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": auto_advance,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": billing_reason,
        "collection_method": collection_method,
        "created": now,
        "currency": currency,
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": due,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {**list_of([], f"/v1/invoices/{id}/lines"), "total_count": 0},
        "livemode": books.livemode,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": _parent(subscription),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": end,
        "period_start": start,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": customer["test_clock"],
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
        "_subscription": subscription["id"] if subscription else None,
        "_payment_intent": None,
        "_charge": None,
        "_retries": 0,
        "_first_try": None,
        "_blocked": None,
        "_last_reason": None,
        "_exhausted": False,
        "_closed_at": None,
        **(given or {}),
    }
    return books.save(invoice)


def _parent(subscription: Obj | None) -> Obj | None:
    if subscription is None:
        return None
    return {
        "type": "subscription_details",
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
    }


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


def finalize(books: Books, invoice: Obj) -> None:
    """Fix the draft: number, hosted page, payment intent; a free invoice is paid at once."""
    before = snapshot(invoice)
    customer = books.get("customer", invoice["customer"])
    used = invoice["total"] - invoice["amount_due"]
    if used:
        customer_before = snapshot(customer)
        customer["balance"] += used
        books.save(customer)
        books.emit("customer.updated", customer, customer_before)
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    books.save(customer)
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        effective_at=books.now,
        ending_balance=customer["balance"],
        automatically_finalizes_at=None,
        hosted_invoice_url=f"{HOSTED_PAGE}/{books.account}/test_{invoice['id']}?s=ap",
        invoice_pdf=f"https://pay.stripe.com/invoice/{books.account}/test_{invoice['id']}/pdf?s=ap",
    )
    invoice["status_transitions"]["finalized_at"] = books.now
    books.at(None, "invoice.finalize", invoice["id"])
    if invoice["amount_due"] == 0:
        invoice["attempted"] = True
        collection.mark_paid(books, invoice)
        books.save(invoice)
        books.emit("invoice.finalized", invoice)
        books.emit("invoice.updated", invoice, before)
        books.emit("invoice.paid", invoice)
        books.emit("invoice.payment_succeeded", invoice)
        standing.invoice_closed(books, invoice, paid=True)
        return
    collection.intent_of(books, invoice)
    if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
        invoice["next_payment_attempt"] = books.now + HOUR
        books.at(books.now + HOUR, "invoice.retry", invoice["id"])
    if invoice["due_date"] is not None:
        books.at(invoice["due_date"], "invoice.overdue", invoice["id"])
    books.save(invoice)
    books.emit("invoice.finalized", invoice)
    books.emit("invoice.updated", invoice, before)


def open_draft(books: Books, invoice: Obj, *, finalizes_at: int | None) -> None:
    """Tell of a new draft and plan when Stripe finalises it by itself."""
    if invoice["auto_advance"] and finalizes_at is not None:
        invoice["automatically_finalizes_at"] = finalizes_at
        books.at(finalizes_at, "invoice.finalize", invoice["id"])
    books.save(invoice)
    books.emit("invoice.created", invoice)


def finalize_and_charge(books: Books, invoice: Obj) -> None:
    """Do what Stripe does with a renewal when its draft time is over."""
    finalize(books, invoice)
    if (
        invoice["status"] == "open"
        and invoice["auto_advance"]
        and invoice["collection_method"] == "charge_automatically"
    ):
        books.at(None, "invoice.retry", invoice["id"])
        collection.collect(books, invoice, automatic=True)


def confirmation_secret(books: Books, invoice: Obj) -> Obj | None:
    intent = books.find("payment_intent", invoice["_payment_intent"])
    if intent is None:
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


def new_payment_list(books: Books, invoice_id: str) -> Obj:
    """Return the payments of an invoice, newest first, as `expand[]=payments` shows them."""
    payments = books.where("invoice_payment", "invoice", invoice_id)[::-1]
    return list_of(payments, f"/v1/invoice_payments?invoice={invoice_id}")


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


def start_collecting(books: Books, invoice: Obj) -> None:
    """Switch automatic collection on: drafts are finalised, open ones charged, in an hour."""
    before = snapshot(invoice)
    invoice["auto_advance"] = True
    if invoice["status"] == "draft":
        invoice["automatically_finalizes_at"] = books.now + DRAFT_TIME
        books.at(books.now + DRAFT_TIME, "invoice.finalize", invoice["id"])
    elif invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        invoice["next_payment_attempt"] = books.now + HOUR
        books.at(books.now + HOUR, "invoice.retry", invoice["id"])
    books.save(invoice)
    books.emit("invoice.updated", invoice, before)
