"""Ids that look like Stripe's and are the same for the same seed."""

from hashlib import sha256

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

PREFIXES = {
    "account": "acct_",
    "billing_portal.session": "bps_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "credit_note": "cn_",
    "customer": "cus_",
    "dispute": "du_",
    "event": "evt_",
    "invoice": "in_",
    "invoice_payment": "inpay_",
    "invoiceitem": "ii_",
    "line_item": "il_",
    "mandate": "mandate_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "price": "price_",
    "product": "prod_",
    "refund": "re_",
    "setup_intent": "seti_",
    "subscription": "sub_",
    "subscription_item": "si_",
    "subscription_schedule": "sub_sched_",
    "test_helpers.test_clock": "clock_",
    "webhook_endpoint": "we_",
}


def letters(*parts: object, length: int = 24) -> str:
    """Return a word of letters and digits that depends on `parts` alone."""
    number = int.from_bytes(sha256(":".join(map(str, parts)).encode()).digest())
    word = ""
    while len(word) < length:
        number, digit = divmod(number, len(_ALPHABET))
        word += _ALPHABET[digit]
    return word


def fraction(*parts: object) -> float:
    """Return a number in [0, 1) that depends on `parts` alone: chance that can be repeated."""
    return int.from_bytes(sha256(":".join(map(str, parts)).encode()).digest()[:6]) / 2**48
