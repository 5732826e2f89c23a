"""Stripe's own retries: Smart Retries or a custom schedule, and what comes after the last one.

Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sandbox import ids
from sandbox.billing.methods import BANK_DEBITS, is_indian, method_for
from sandbox.books import DAY, HOUR, Books, snapshot
from sandbox.declines import STRIPE_NO_RETRY
from sandbox.types import Obj

# Retries of a returned debit, only for insufficient funds: (how many, within days).
DEBIT_RETRIES = {
    "acss_debit": (1, 30),
    "au_becs_debit": (2, 30),
    "bacs_debit": (2, 30),
    "nz_bank_account": (1, 30),
    "sepa_debit": (2, 30),
    "us_bank_account": (2, 40),
}


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """What the account's owner chose under Billing > Revenue recovery > Retries.

    Smart: `tries` within `within_days`. Custom: up to three retries, each so many days after the
    one before. `subscription` and `invoice` are the final action.
    """

    mode: Literal["smart", "custom", "off"] = "smart"
    tries: int = 8
    within_days: int = 14
    custom_days: Sequence[int] = (3, 5, 7)
    subscription: Literal["cancel", "unpaid", "past_due"] = "cancel"
    invoice: Literal["leave", "uncollectible"] = "leave"

    def as_row(self) -> Obj:
        return {**asdict(self), "custom_days": list(self.custom_days)}


def note_decline(books: Books, invoice: Obj, method: Obj, reason: str) -> None:
    """Remember whether Stripe may charge this method again by itself."""
    invoice["_last_reason"] = reason
    if reason in STRIPE_NO_RETRY:
        block(books, invoice, method)
    else:
        invoice["_blocked"] = None


def block(books: Books, invoice: Obj, method: Obj) -> None:
    """Let Stripe not charge this method again by itself until it was updated."""
    invoice["_blocked"] = {
        "method": method["id"],
        "version": method["_version"],
        "at": books.now,
    }


def is_blocked(books: Books, invoice: Obj) -> bool:
    """After a hard decline nothing is charged until there is another or an updated method."""
    blocked, method = invoice["_blocked"], method_for(books, invoice)
    if not blocked or method is None:
        return False
    same: bool = blocked["method"] == method["id"] and blocked["version"] == method["_version"]
    return same


def plan_next(books: Books, invoice: Obj) -> None:
    """Set `next_payment_attempt` after an automatic try that did not pay."""
    moment = _next_moment(books, invoice)
    invoice["_retries"] += 1
    invoice["_exhausted"] = moment is None and _ends_by_itself(books, invoice)
    if moment is not None and books.settings["automations"] and invoice["_retries"] == 1:
        # An automation decides a little later; until then Stripe shows no next time.
        invoice["next_payment_attempt"] = None
        invoice["_planned"] = moment
        books.at(books.now + 10 * 60, "invoice.automation", invoice["id"])
        return
    _set(books, invoice, moment)


def _ends_by_itself(books: Books, invoice: Obj) -> bool:
    """Whether the final action follows the last try.

    Where Stripe never retries (switched off, Indian cards) the invoice just stays open.
    """
    method = method_for(books, invoice)
    if books.settings["retries"]["mode"] == "off" or not invoice["auto_advance"]:
        return False
    return method is None or not is_indian(method)


def automation_decided(books: Books, invoice: Obj) -> None:
    """Show the time an automation held back, told by invoice.updated."""
    if invoice["status"] != "open" or not invoice["auto_advance"]:
        return
    before = snapshot(invoice)
    _set(books, invoice, invoice.pop("_planned", None))
    books.save(invoice)
    books.emit("invoice.updated", invoice, before)


def forget_plan(books: Books, invoice: Obj) -> None:
    """Automatic collection was switched off: nothing more is planned."""
    _set(books, invoice, None)


def _set(books: Books, invoice: Obj, moment: int | None) -> None:
    invoice["next_payment_attempt"] = moment
    books.at(moment, "invoice.retry", invoice["id"])


def _next_moment(books: Books, invoice: Obj) -> int | None:
    if not invoice["auto_advance"] or invoice["collection_method"] != "charge_automatically":
        return None
    settings, done = books.settings["retries"], invoice["_retries"]
    method = method_for(books, invoice)
    if settings["mode"] == "off" or (method is not None and is_indian(method)):
        return None
    if method is not None and method["type"] in BANK_DEBITS:
        return _debit_moment(books, invoice, method["type"], done)
    if settings["mode"] == "custom":
        days = settings["custom_days"]
        return books.now + int(days[done]) * DAY if done < len(days) else None
    return _smart_moment(books, invoice, settings, done)


def _smart_moment(books: Books, invoice: Obj, settings: Obj, done: int) -> int | None:
    """Choose a time as Stripe would: here evenly spread with some repeatable chance in it."""
    if done >= settings["tries"]:
        return None
    first = int(invoice["_first_try"] or books.now)
    window = settings["within_days"] * DAY
    step = window / settings["tries"]
    chance = ids.fraction(invoice["id"], done) - 0.5
    moment = int(first + step * (done + 1) + chance * step * 0.5)
    return int(max(books.now + HOUR, min(moment, first + window)))


def _debit_moment(books: Books, invoice: Obj, type: str, done: int) -> int | None:
    tries, within = DEBIT_RETRIES[type]
    if invoice["_last_reason"] != "insufficient_funds" or done >= tries:
        return None
    moment = books.now + 5 * DAY
    return moment if moment <= (invoice["_first_try"] or books.now) + within * DAY else None


def finish_if_exhausted(books: Books, invoice: Obj) -> None:
    """Carry out the final action once Stripe has used up its tries."""
    if not invoice["_exhausted"]:
        return
    # Both build on collecting, which builds on this module.
    from sandbox.billing import closing, standing, subscriptions

    settings = books.settings["retries"]
    subscription = books.find("subscription", invoice["_subscription"])
    if settings["invoice"] == "uncollectible":
        closing.mark_uncollectible(books, invoice)
    if subscription is None or subscription["status"] in ("canceled", "incomplete"):
        return
    if settings["subscription"] == "cancel":
        subscriptions.end(books, subscription, reason="payment_failed")
    elif settings["subscription"] == "unpaid":
        standing.set_status(books, subscription, "unpaid")
