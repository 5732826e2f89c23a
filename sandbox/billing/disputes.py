"""Refunds and disputes: money going back.

A refund leaves the invoice paid. Source: https://docs.stripe.com/refunds, /disputes
"""

from sandbox.books import DAY, Books, snapshot
from sandbox.errors import refused
from sandbox.types import Obj


def refund(
    books: Books, charge: Obj, *, amount: int, reason: str | None, metadata: Obj, fails: bool
) -> Obj:
    """Give back some or all of a charge; `fails` lets the refund come back later."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or left == 0:
        raise refused(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount > left:
        raise refused(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            param="amount",
        )
    made: Obj = {
        "id": books.new_id("refund"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": f"txn_{books.sandbox.new_letters()}",
        "charge": charge["id"],
        "created": books.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if fails else "succeeded",
        "transfer_reversal": None,
    }
    books.save(made)
    before = snapshot(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    books.save(charge)
    books.emit("refund.created", made)
    books.emit("charge.refunded", charge, before)
    books.emit("charge.refund.updated", made)
    if fails:
        books.at(books.now + DAY, "refund.fail", made["id"])
    return made


def fail_refund(books: Books, made: Obj) -> None:
    """Take a refund back the bank could not pay out: the charge counts as not refunded again."""
    before = snapshot(made)
    made["status"] = "failed"
    made["failure_reason"] = "lost_or_stolen_card"
    charge = books.get("charge", made["charge"])
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    books.save(charge)
    books.save(made)
    books.emit("refund.updated", made, before)
    books.emit("refund.failed", made)


def open_dispute(books: Books, charge: Obj, *, reason: str) -> Obj:
    """Take the money back for the customer's bank until the dispute is decided."""
    made: Obj = {
        "id": books.new_id("dispute"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": books.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": books.now + 7 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": books.livemode,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "case_type": "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
    books.save(made)
    before = snapshot(charge)
    charge["disputed"] = True
    charge["_dispute"] = made["id"]
    books.save(charge)
    books.emit("charge.dispute.created", made)
    books.emit("charge.dispute.funds_withdrawn", made)
    books.emit("charge.updated", charge, before)
    return made


def close_dispute(books: Books, made: Obj, *, won: bool) -> None:
    """Close a dispute the bank decided; a won dispute gives the money back."""
    made["status"] = "won" if won else "lost"
    books.save(made)
    books.emit("charge.dispute.closed", made)
    if won:
        books.emit("charge.dispute.funds_reinstated", made)
