"""The life of an invoice up to its first charge.

Source: https://docs.stripe.com/invoicing/integration/automatic-advancement-collection
"""

from sandbox.billing import collection, outcomes, standing
from sandbox.books import DAY, HOUR, Books, list_of, snapshot
from sandbox.types import Obj

# A renewal stays a draft for about an hour, so that a listener may still add to it.
DRAFT_TIME = HOUR

# As long as a listener does not answer invoice.created with 2xx, Stripe waits this long.
LONGEST_DRAFT_TIME = 72 * HOUR
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
        outcomes.mark_paid(books, invoice)
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
    invoice["_told_by"] = books.emit("invoice.created", invoice)
    books.save(invoice)


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
