"""How a payment method behaves when it is charged.

A behaviour is a list of rules (plain dicts, so that they can be saved). The first rule that
applies decides; a card without an applying rule pays. Stripe's documented test cards are such
behaviours under well-known numbers.

Source: https://docs.stripe.com/testing
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from sandbox.types import Obj

Rule = dict[str, Any]
Behaviour = list[Rule]
Result = Literal["paid", "declined", "action", "processing"]

HOUR = 3_600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the bank says to one charge.

    `settles_in` is the seconds until a processing payment is decided, by `reason` if it fails.
    """

    result: Result
    reason: str | None = None
    settles_in: int = 0
    network_advice_code: str | None = None
    network_decline_code: str | None = None
    advice_code: str | None = None


def pays() -> Behaviour:
    """Pay always."""
    return []


def declines(
    reason: str,
    *,
    times: int | None = None,
    until: datetime | None = None,
    at_attach: bool = False,
    **codes: str,
) -> Behaviour:
    """Declines for ever, a number of `times`, or `until` a moment; then pays.

    `codes` may set advice_code, network_advice_code and network_decline_code.
    """
    rule: Rule = {"do": "decline", "reason": reason, **codes}
    if times is not None:
        rule["times"] = times
    if until is not None:
        rule["until"] = int(until.timestamp())
    if at_attach:
        rule["at_attach"] = True
    return [rule]


def declines_until_payday(reason: str = "insufficient_funds") -> Behaviour:
    """Declines until the next 1st, 15th or last working day, 06:00 UTC, after its first decline."""
    return [{"do": "decline", "reason": reason, "payday": True}]


def needs_authentication(
    *, always: bool = True, as_decline: bool = False, then: Behaviour | None = None
) -> Behaviour:
    """Needs 3DS: always, or only until it was authenticated once.

    Off session Stripe asks for the customer (`as_decline` False) or the bank declines with
    authentication_required (True). `then` is how the card behaves once authenticated.
    """
    return [{"do": "authenticate", "always": always, "as_decline": as_decline}, *(then or [])]


def settles_later(
    *, after: timedelta = timedelta(days=4), reason: str | None = None, times: int | None = None
) -> Behaviour:
    """Be a bank debit: processing at first, then paid, or failed with `reason` (`times` often)."""
    rule: Rule = {"do": "process", "in": int(after.total_seconds()), "reason": reason}
    if times is None:
        return [rule]
    return [{**rule, "times": times}, {**rule, "reason": None}]


def updated_by_network(*, after_declines: int = 1, reason: str = "expired_card") -> Behaviour:
    """Declines until the card network sends new data, a day after the given number of declines."""
    return [{"do": "decline", "reason": reason, "update_after": after_declines}]


def judge_charge(
    method: Obj, *, now: int, off_session: bool, authenticated: bool = False
) -> Verdict:
    """Ask the bank. Counts inside the method's rules move on."""
    if method["type"] == "card" and _expired(method["card"], now):
        return Verdict("declined", "expired_card")
    for rule in method["_behaviour"]:
        verdict = _apply(rule, method, now, off_session, authenticated)
        if verdict is not None:
            rule["hits"] = rule.get("hits", 0) + 1
            return verdict
    return Verdict("paid")


def _apply(
    rule: Rule, method: Obj, now: int, off_session: bool, authenticated: bool
) -> Verdict | None:
    if "times" in rule and rule.get("hits", 0) >= rule["times"]:
        return None
    if "until" in rule and now >= rule["until"]:
        return None
    if rule["do"] == "authenticate":
        if authenticated or (not rule["always"] and method.get("_authenticated")):
            return None
        if off_session and rule["as_decline"]:
            return Verdict("declined", "authentication_required")
        return Verdict("action")
    if rule["do"] == "process":
        return Verdict("processing", rule["reason"], rule["in"])
    if rule["do"] != "decline":
        # Rules about what comes after a payment: disputes, refunds that fail.
        return None
    if rule.get("payday"):
        rule["until"] = next_payday(now)
    return Verdict(
        "declined",
        rule["reason"],
        network_advice_code=rule.get("network_advice_code"),
        network_decline_code=rule.get("network_decline_code"),
        advice_code=rule.get("advice_code"),
    )


def _expired(card: Obj, now: int) -> bool:
    today = datetime.fromtimestamp(now, UTC)
    return (card["exp_year"], card["exp_month"]) < (today.year, today.month)


def next_payday(now: int) -> int:
    """06:00 UTC of the next 1st, 15th or last working day of a month."""
    moment = datetime.fromtimestamp(now, UTC)
    day = moment.date()
    while True:
        payday = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        if payday > moment and is_payday(day):
            return int(payday.timestamp())
        day += timedelta(days=1)


def is_payday(day: date) -> bool:
    if day.day in (1, 15):
        return True
    last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    while last.weekday() >= 5:
        last -= timedelta(days=1)
    return day == last


@dataclass(frozen=True, slots=True)
class TestCard:
    """A number of Stripe's with its documented behaviour."""

    number: str
    token: str
    behaviour: Behaviour
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"


def _at_attach(reason: str) -> Behaviour:
    return declines(reason, at_attach=True)


TEST_CARDS: tuple[TestCard, ...] = (
    TestCard("4242424242424242", "pm_card_visa", pays()),
    TestCard("4000056655665556", "pm_card_visa_debit", pays(), funding="debit"),
    TestCard("5555555555554444", "pm_card_mastercard", pays(), brand="mastercard"),
    TestCard("378282246310005", "pm_card_amex", pays(), brand="amex"),
    TestCard("6011111111111117", "pm_card_discover", pays(), brand="discover"),
    TestCard("4000002760000016", "pm_card_de", pays(), country="DE"),
    TestCard("4000008260000000", "pm_card_gb", pays(), country="GB"),
    TestCard("4000003560000008", "pm_card_in", pays(), country="IN"),
    TestCard("4000000000000002", "pm_card_visa_chargeDeclined", _at_attach("generic_decline")),
    TestCard(
        "4000000000009995",
        "pm_card_visa_chargeDeclinedInsufficientFunds",
        _at_attach("insufficient_funds"),
    ),
    TestCard("4000000000009987", "pm_card_visa_chargeDeclinedLostCard", _at_attach("lost_card")),
    TestCard(
        "4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", _at_attach("stolen_card")
    ),
    TestCard("4000000000000069", "pm_card_chargeDeclinedExpiredCard", _at_attach("expired_card")),
    TestCard("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", _at_attach("incorrect_cvc")),
    TestCard(
        "4000000000000119",
        "pm_card_chargeDeclinedProcessingError",
        _at_attach("processing_error"),
    ),
    TestCard(
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        _at_attach("card_velocity_exceeded"),
    ),
    TestCard("4100000000000019", "pm_card_radarBlock", declines("highest_risk_level")),
    TestCard("4000000000000341", "pm_card_chargeCustomerFail", declines("generic_decline")),
    TestCard(
        "4000002500003155", "pm_card_authenticationRequired", needs_authentication(always=False)
    ),
    TestCard("4000002760003184", "pm_card_authenticationRequiredAlways", needs_authentication()),
    TestCard(
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        needs_authentication(always=False, then=declines("insufficient_funds")),
    ),
    TestCard(
        "4000008400001629",
        "pm_card_threeDSecureRequiredChargeDeclined",
        needs_authentication(then=declines("generic_decline")),
    ),
    TestCard("4000000000000259", "pm_card_createDispute", [{"do": "dispute"}]),
    TestCard("4000000000005126", "pm_card_pendingRefundFail", [{"do": "refund_fails"}]),
)
BY_NUMBER = {card.number: card for card in TEST_CARDS}
# Some declining cards go by a shorter token as well.
BY_TOKEN = {card.token.replace("_visa_charge", "_charge"): card for card in TEST_CARDS} | {
    card.token: card for card in TEST_CARDS
}

# Bank accounts whose debits fail, and why. Every other account pays.
# Source: https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test-account-numbers
FAILING_ACCOUNTS = {
    "000111111113": "account_closed",
    "000111111116": "no_account",
    "000222222227": "insufficient_funds",
    "000333333335": "debit_not_authorized",
    "DE62370400440532013001": "insufficient_funds",
}


def bank_account(number: str) -> Behaviour:
    """Return how the test account with this number behaves."""
    return settles_later(reason=FAILING_ACCOUNTS.get(number))
