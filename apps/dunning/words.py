"""Decline reasons in a merchant's words. Customers never see these: they may say lost or stolen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from apps.dunning.facts import Decline

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "insufficient_funds": "Insufficient funds",
        "card_declined": "Declined by bank",
        "generic_decline": "Declined by bank",
        "do_not_honor": "Declined by bank",
        "processing_error": "Processing error",
        "try_again_later": "Processing error",
        "card_velocity_exceeded": "Card limit reached",
        "withdrawal_count_limit_exceeded": "Card limit reached",
        "expired_card": "Card expired",
        "incorrect_cvc": "Wrong security code",
        "invalid_cvc": "Wrong security code",
        "authentication_required": "Needs 3-D Secure",
        "authentication_not_handled": "Needs 3-D Secure",
        "invoice_payment_intent_requires_action": "Needs 3-D Secure",
        "payment_intent_action_required": "Needs 3-D Secure",
        "incorrect_number": "Wrong card number",
        "invalid_number": "Wrong card number",
        "lost_card": "Card reported lost",
        "stolen_card": "Card reported stolen",
        "pickup_card": "Card to be withdrawn",
        "restricted_card": "Card restricted",
        "revocation_of_authorization": "Customer withdrew permission",
        "revocation_of_all_authorizations": "Customer withdrew all permissions",
        "stop_payment_order": "Customer stopped the payment",
        "highest_risk_level": "Blocked as high risk",
        "elevated_risk_level": "Blocked as a risk",
        "rule": "Blocked by a Radar rule",
        "fraudulent": "Blocked as suspected fraud",
        "merchant_blacklist": "On your block list",
        "transaction_not_allowed": "Payment not allowed on this card",
        "previously_declined_do_not_retry": "Held back by Stripe",
        "low_probability_of_authorization": "Held back by Stripe",
        "issuer_not_available": "Bank not reachable",
        "call_issuer": "Bank wants to speak to the customer",
        "bank_account_closed": "Bank account closed",
        "account_closed": "Bank account closed",
        "no_account": "Bank account not found",
        "debit_not_authorized": "Debit not authorized",
        "payment_intent_mandate_invalid": "Mandate not valid",
        "missing": "No card on file",
        "resource_missing": "No card on file",
        "R01": "Insufficient funds",
        "R09": "Insufficient funds",
        "AM04": "Insufficient funds",
        "partner_insufficient_funds": "Insufficient funds",
    }
)


def words(decline: Decline) -> str:
    """Return the reason of a decline as a merchant reads it.

    A code without words of its own is made readable: "new_code" becomes "New code".
    """
    reason = decline.reason
    if reason in _WORDS:
        return _WORDS[reason]
    readable = reason.replace("_", " ").strip()
    return readable[:1].upper() + readable[1:] if readable else "Unknown reason"


_METHODS: Mapping[str, str] = MappingProxyType(
    {
        "visa": "Visa",
        "mastercard": "Mastercard",
        "amex": "Amex",
        "unionpay": "UnionPay",
        "jcb": "JCB",
        "diners": "Diners Club",
        "sepa_debit": "SEPA debit",
        "us_bank_account": "US bank account",
        "bacs_debit": "Bacs debit",
        "au_becs_debit": "BECS debit",
        "nz_bank_account": "NZ BECS debit",
        "acss_debit": "PAD debit",
    }
)


def method_name(name: str, last4: str = "") -> str:
    """Name a payment method: "Visa •••• 3119". `name` is Stripe's brand, else its type."""
    shown = _METHODS.get(name) or name.replace("_", " ").capitalize() or "Payment method"
    return f"{shown} •••• {last4}" if last4 else shown
