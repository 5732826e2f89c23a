"""The judge: watches every call that moves money, refuses the wrong ones and remembers them."""

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from sandbox import declines
from sandbox.billing import retries
from sandbox.billing.intents import fingerprint_of
from sandbox.books import DAY, HOUR, Books
from sandbox.errors import ApiError
from sandbox.types import Obj

# Stripe's own try may not stand nearer to a charge by API, and two invoices of a customer not at all.
NEAR_STRIPES_TRY = HOUR
APART = 60

# A state that changed this short a time before the call may not have been seen by the caller.
BENIGN_RACE = 60
KEY_MAX_AGE = 23 * HOUR


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule; `rule` is its number, such as "M1"."""

    rule: str
    message: str
    account: str
    at: int


class Judge:
    """Rules M1-M3, M6-M8, M10, M12, M14 and G1 about the calls of one API user.

    M12 holds also one after the other: two invoices of one customer are not charged within a
    minute. G1: no charge stands within an hour of Stripe's own next try of that invoice.

    `attempt_exists(key)`, if set, must say whether a committed attempt row holds the key of a pay
    call. `refuse` False lets wrong calls through and only remembers them. Stripe's own charges
    and what customers do in person are never judged, but count toward the card budget.
    """

    def __init__(
        self,
        *,
        attempt_exists: Callable[[str], bool] | None = None,
        refuse: bool = True,
        budget: tuple[tuple[int, int], ...] = ((15, 30 * DAY), (10, DAY)),
        rate_limit: int | None = None,
        timer: Callable[[], float] | None = None,
    ) -> None:
        self.attempt_exists = attempt_exists
        self.refuse = refuse
        self.budget = budget
        self.rate_limit = rate_limit
        self.timer = timer
        self.violations: list[Violation] = []
        self._first_sent: dict[tuple[str, str], tuple[int, str]] = {}
        self._executed: Counter[tuple[str, str]] = Counter()
        self._paying: Counter[tuple[str, str]] = Counter()
        self._paid_at: dict[tuple[str, str], tuple[int, str]] = {}
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def assert_clean(self) -> None:
        """Raise AssertionError that names every broken rule."""
        if self.violations:
            lines = "\n".join(f"{item.rule}: {item.message}" for item in self.violations)
            raise AssertionError(f"{len(self.violations)} rules broken:\n{lines}")

    def note(self, books: Books, rule: str, message: str) -> None:
        with self._lock:
            self.violations.append(Violation(rule, message, books.account, books.now))

    def break_rule(self, books: Books, rule: str, message: str) -> None:
        """Remember and, unless told otherwise, refuse the call.

        Raises:
            ApiError: 400 with code `judge`.
        """
        self.note(books, rule, message)
        if self.refuse:
            raise ApiError(400, f"{rule}: {message}", code="judge", stored=True)

    # Calls

    def on_key(self, books: Books, key: str, call: str) -> None:
        """Look at a call's key: M3 (other parameters), M6 (sent too late)."""
        first = self._first_sent.setdefault((books.account, key), (books.now, call))
        if first[1] != call:
            self.note(books, "M3", f"key {key} was reused with other parameters")
        if books.now - first[0] > KEY_MAX_AGE:
            self.note(books, "M6", f"key {key} was sent more than 23 hours after its first use")

    def on_executed(self, books: Books, key: str) -> None:
        """Count how often a key is carried out; a second time is only possible once Stripe forgot it."""
        self._executed[books.account, key] += 1
        if self._executed[books.account, key] > 1:
            self.break_rule(books, "M3", f"key {key} was executed twice")

    def on_call(self, books: Books, pattern: str) -> bool:
        """Count a call against the limit per endpoint and second; False if it is above (M12)."""
        if self.rate_limit is None:
            return True
        now = self.timer() if self.timer else books.sandbox.now().timestamp()
        with self._lock:
            calls = self._calls.setdefault((books.account, pattern), deque())
            while calls and now - calls[0] >= 1:
                calls.popleft()
            calls.append(now)
            within = len(calls) <= self.rate_limit
        if not within:
            self.note(books, "M12", f"more than {self.rate_limit} calls a second of {pattern}")
        return within

    def enter(self, books: Books, customer: str) -> None:
        """Note that a pay call for this customer starts; `leave` must follow."""
        with self._lock:
            self._paying[books.account, customer] += 1
            together = self._paying[books.account, customer]
        if together > 1:
            self.note(books, "M12", f"{together} pay calls at a time for customer {customer}")

    def leave(self, books: Books, customer: str) -> None:
        with self._lock:
            self._paying[books.account, customer] -= 1

    def on_wrong_mode(self, books: Books, what: str) -> None:
        self.note(books, "M14", what)

    # Money

    def on_pay(self, books: Books, invoice: Obj) -> None:
        """Before the state of the invoice is looked at: M2 (no attempt row)."""
        key = books.idempotency_key
        if self.attempt_exists is not None and not (key and self.attempt_exists(key)):
            self.break_rule(
                books, "M2", f"pay of {invoice['id']} without a committed attempt row ({key})"
            )

    def on_open(self, books: Books, invoice: Obj) -> None:
        """Before a charge of an open invoice: G1 (beside Stripe's try), M12 (another invoice just now)."""
        due = invoice["next_payment_attempt"]
        if due is not None and invoice["auto_advance"] and abs(due - books.now) < NEAR_STRIPES_TRY:
            self.note(books, "G1", f"pay of {invoice['id']} within an hour of Stripe's own try")
        customer = (books.account, invoice["customer"])
        at, other = self._paid_at.get(customer, (0, invoice["id"]))
        if other != invoice["id"] and books.now - at < APART:
            self.note(books, "M12", f"{other} and {invoice['id']} of one customer within a minute")
        self._paid_at[customer] = (books.now, invoice["id"])

    def on_closed(self, books: Books, invoice: Obj) -> None:
        """Pay on an invoice that is not open (M10), unless it was open a minute ago."""
        closed_at = invoice["_closed_at"]
        if closed_at is None or books.now - closed_at > BENIGN_RACE:
            self.note(books, "M10", f"pay of {invoice['id']}, which is {invoice['status']}")

    def on_unwanted(self, books: Books, invoice: Obj) -> None:
        """Before a charge without the customer: M10 (canceled long ago), M8 (3DS still open)."""
        subscription = books.find("subscription", invoice["_subscription"])
        if subscription is not None and subscription["status"] == "canceled":
            schedule = books.find("subscription_schedule", subscription["schedule"])
            # A payment plan ends by time: what it is owed is owed still.
            ran_out = schedule is not None and schedule["status"] == "completed"
            wish = subscription["cancellation_details"]["reason"] == "cancellation_requested"
            if wish and not ran_out and books.now - subscription["ended_at"] > BENIGN_RACE:
                self.note(books, "M10", f"pay of {invoice['id']} after the customer canceled")
        intent = books.find("payment_intent", invoice["_payment_intent"])
        if intent is not None and intent["status"] == "requires_action":
            waiting = retries.is_blocked(books, invoice)
            if waiting and books.now - invoice["_blocked"]["at"] > BENIGN_RACE:
                self.note(books, "M8", f"pay of {invoice['id']}, which waits for 3DS")

    def on_charge(self, books: Books, method: Obj, *, confirmed: bool) -> None:
        """Before a charge by API: M7 (card budget), M8 (hard decline, unchanged card).

        `confirmed` means that the customer is there in person.
        """
        card = fingerprint_of(method)
        charges = books.where("charge", "_fingerprint", card)
        # What Stripe itself held back never reached the network and counts for nothing there.
        sent = [charge for charge in charges if not _blocked(charge)]
        for most, seconds in self.budget:
            recent = sum(books.now - charge["created"] < seconds for charge in sent)
            if recent >= most:
                self.break_rule(
                    books,
                    "M7",
                    f"charge number {recent + 1} of card {card} in {seconds // DAY} days",
                )
        if not confirmed:
            self._check_hard(books, method, charges)

    def _check_hard(self, books: Books, method: Obj, charges: list[Obj]) -> None:
        last = next((item for item in reversed(charges) if item["status"] != "pending"), None)
        if last is None or last["status"] != "failed":
            return
        reason = last["_reason"]
        advice = (last["outcome"] or {}).get("advice_code")
        if reason in declines.NEEDS_OTHER_CARD:
            wrong = True
        elif reason in _hard(method) or advice == "do_not_try_again":
            wrong = (
                last["payment_method"] == method["id"]
                and last["_method_version"] == method["_version"]
            )
        else:
            return
        if wrong:
            self.break_rule(
                books, "M8", f"charge of {method['id']} after the hard decline {reason}"
            )

    def on_collected(self, books: Books, invoice: Obj, charge: Obj) -> None:
        """Before a charge becomes a success: M1 (collected twice)."""
        if charge["amount"] > invoice["amount_remaining"] or invoice["status"] == "paid":
            self.break_rule(books, "M1", f"second successful collection of {invoice['id']}")


def _hard(method: Obj) -> frozenset[str]:
    return declines.HARD if method["type"] == "card" else declines.HARD_DEBITS


def _blocked(charge: Obj) -> bool:
    return (charge["outcome"] or {}).get("network_status") == "not_sent_to_network"
