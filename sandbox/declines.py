"""What a declined charge says, per reason.

Advice codes are those seen in Stripe's test mode. Sources: https://docs.stripe.com/declines/codes
https://docs.stripe.com/declines/network-codes
"""

from dataclasses import dataclass

# Stripe goes on scheduling after these but charges nothing until the customer has a new payment
# method. Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries, read 2026-11.
STRIPE_NO_RETRY = frozenset(
    {
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)

# After these only another card number helps, not the same one with new data.
NEEDS_OTHER_CARD = frozenset(
    {
        "fraudulent",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    }
)

# Charging the same, unchanged card again after one of these is an error of the caller's.
HARD = (
    STRIPE_NO_RETRY
    | NEEDS_OTHER_CARD
    | frozenset(
        {
            "authentication_not_handled",
            "card_not_supported",
            "currency_not_supported",
            "do_not_try_again",
            "elevated_risk_level",
            "expired_card",
            "incorrect_address",
            "incorrect_cvc",
            "incorrect_pin",
            "incorrect_zip",
            "invalid_account",
            "invalid_amount",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
            "invalid_number",
            "invalid_pin",
            "mobile_device_authentication_required",
            "new_account_information_available",
            "offline_pin_required",
            "online_or_offline_pin_required",
            "pin_try_exceeded",
            "rule",
            "security_violation",
            "service_not_allowed",
            "testmode_decline",
        }
    )
)

# The same for bank debits: another account or a new mandate is needed.
HARD_DEBITS = frozenset(
    {
        "account_closed",
        "bank_account_closed",
        "bank_account_declined",
        "bank_account_invalid_details",
        "bank_account_restricted",
        "bank_account_unusable",
        "debit_not_authorized",
        "incorrect_account_holder_name",
        "no_account",
        "payment_intent_mandate_invalid",
    }
)


@dataclass(frozen=True, slots=True)
class Decline:
    """One refusal in all the layers a caller may read.

    `code` is the outer code, `reason` the decline code; `blocked` means the bank never saw it.
    Network codes are strings: leading zeros and letters count.
    """

    code: str
    reason: str | None
    message: str
    advice_code: str | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None
    blocked: bool = False
    param: str | None = None


_DECLINED = "Your card was declined."
_AGAIN, _NEVER, _CONFIRM = "try_again_later", "do_not_try_again", "confirm_card_data"

_KNOWN: dict[str, Decline] = {
    "generic_decline": Decline("card_declined", "generic_decline", _DECLINED, _AGAIN, "01"),
    "insufficient_funds": Decline(
        "card_declined", "insufficient_funds", "Your card has insufficient funds.", _AGAIN, "51"
    ),
    "do_not_honor": Decline("card_declined", "do_not_honor", _DECLINED, _AGAIN, "05"),
    "call_issuer": Decline("card_declined", "call_issuer", _DECLINED, _AGAIN, "01"),
    "card_velocity_exceeded": Decline(
        "card_declined",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its "
        "amount limit.",
        _AGAIN,
        "65",
    ),
    "lost_card": Decline("card_declined", "lost_card", _DECLINED, _NEVER, "41", "03"),
    "stolen_card": Decline("card_declined", "stolen_card", _DECLINED, _NEVER, "43", "03"),
    "pickup_card": Decline("card_declined", "pickup_card", _DECLINED, _NEVER, "04", "03"),
    "fraudulent": Decline("card_declined", "fraudulent", _DECLINED, None, "59"),
    "expired_card": Decline(
        "expired_card",
        "expired_card",
        "Your card has expired.",
        _CONFIRM,
        "54",
        param="exp_month",
    ),
    "incorrect_cvc": Decline(
        "incorrect_cvc",
        "incorrect_cvc",
        "Your card's security code is incorrect.",
        _CONFIRM,
        "N7",
        param="cvc",
    ),
    "incorrect_number": Decline(
        "incorrect_number",
        "incorrect_number",
        "Your card number is incorrect.",
        _CONFIRM,
        "14",
        param="number",
    ),
    "processing_error": Decline(
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        _AGAIN,
        "96",
    ),
    "issuer_not_available": Decline(
        "card_declined", "issuer_not_available", _DECLINED, _AGAIN, "91"
    ),
    "authentication_required": Decline(
        "authentication_required",
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        None,
        "1A",
    ),
    "revocation_of_authorization": Decline(
        "card_declined", "revocation_of_authorization", _DECLINED, _NEVER, "R1", "21"
    ),
    "highest_risk_level": Decline("card_declined", "fraudulent", _DECLINED, None, blocked=True),
    "previously_declined_do_not_retry": Decline(
        "card_declined", "generic_decline", _DECLINED, _NEVER, blocked=True
    ),
}


def decline_for(reason: str) -> Decline:
    """Return the full decline for a reason; one without its own row is a plain card_declined."""
    return _KNOWN.get(reason) or Decline("card_declined", reason, _DECLINED)


# Failure codes of bank debits with their texts.
# Source: https://docs.stripe.com/declines/codes#ach-debit
_DEBITS = {
    "insufficient_funds": ("The customer's account has insufficient funds.", "R01"),
    "account_closed": ("The customer's bank account has been closed.", "R02"),
    "no_account": ("The customer's bank account could not be located.", "R03"),
    "debit_not_authorized": ("The customer has notified their bank.", "R10"),
}


def debit_failure(code: str) -> Decline:
    """Why a bank debit came back; the outer code is the reason."""
    message, network = _DEBITS.get(code, ("The payment failed.", None))
    return Decline(code, None, message, network_decline_code=network)
