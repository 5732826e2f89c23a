"""What log lines may not say, and what they are about. Plain Python; `config.logs` applies it.

`redact` is the one place that knows secrets and customer data by their look. Whatever leaves the
process as text to be kept (a log line, an error on a row) goes through it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

REMOVED = "[removed]"

# By name, wherever a name and a value stand together. Values of a customer and values of access.
_CUSTOMER = (
    r"customer_name|customer_email|customer_phone|customer_address|cardholder_name|full_name"
    r"|first_name|last_name|billing_details|shipping|address|line1|line2|postal_code|phone|email"
    r"|receipt_email|account_holder_name|name"
)
_ACCESS = (
    r"password1?|password2|old_?password|new_password|passwd|secret|secret_key|api_key|apikey"
    r"|client_secret|confirmation_secret|access_token|refresh_token|token|authorization"
    r"|proxy-authorization|stripe-signature|cookie|set-cookie|sessionid|session_key"
    r"|csrftoken|csrfmiddlewaretoken|x-csrftoken|(?:__host-|recoup-)(?:session|csrf)"
    r"|stripe_secret_key|gateway_stripe_key|stripe_webhook_secrets?|database_url|email_url"
    r"|celery_broker_url|metrics_token"
)
_BY_NAME = re.compile(rf"(?:{_CUSTOMER}|{_ACCESS})", re.IGNORECASE)

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # {"name": "Sofia Rossi"} in JSON and in Python's own writing, one level deep.
    (
        re.compile(
            rf"""(["'](?:{_CUSTOMER}|{_ACCESS})["']\s*:\s*)"""
            r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|b'[^']*'|\{[^{}]*\}|\[[^\[\]]*\])""",
            re.IGNORECASE,
        ),
        rf'\1"{REMOVED}"',
    ),
    # A header on a line of its own, and a credential with its scheme.
    (
        re.compile(
            r"\b((?:proxy-)?authorization|(?:set-)?cookie|stripe-signature|x-csrftoken)"
            r"(\s*[:=]\s*)[^\r\n]+",
            re.IGNORECASE,
        ),
        rf"\1\2{REMOVED}",
    ),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}"), rf"\1 {REMOVED}"),
    # name=value, as in query strings, settings and connection texts.
    (
        re.compile(rf"\b((?:{_ACCESS})\s*=\s*)['\"]?[^\s&;,'\")]+", re.IGNORECASE),
        rf"\1{REMOVED}",
    ),
    # What PostgreSQL says about a row that it refused.
    (re.compile(r"(Failing row contains )\(.*\)", re.DOTALL), rf"\1({REMOVED})"),
    (re.compile(r"(Key \([^)]*\))=\([^)]*\)"), rf"\1=({REMOVED})"),
    (re.compile(r"(\w+://)[^\s/@:]*:[^\s/@]+@"), rf"\1{REMOVED}@"),
    (re.compile(r"\b[A-Za-z]+_[A-Za-z0-9]+_secret_[A-Za-z0-9]+"), "[client secret]"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), "[webhook secret]"),
    (re.compile(r"\b(?:sk|rk|pk|ek)_(?:(?:live|test)_)?[A-Za-z0-9_*]{8,}"), "[stripe key]"),
    # One-time addresses.
    (re.compile(r"(/password/reset/key/|/pay/)[^/\s\"'?]+"), rf"\1{REMOVED}"),
    (re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "[email]"),
)

_DIGITS = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")

_about: ContextVar[Mapping[str, object]] = ContextVar("about", default=MappingProxyType({}))


def redact(text: str) -> str:
    """Take secrets and customer data out of a text that is to be kept.

    Keys and secrets of Stripe, credentials in headers, addresses and settings, sessions and CSRF
    tokens, email addresses, card numbers (13 to 19 digits with Luhn's check), what PostgreSQL
    quotes of a row, and names and addresses of people where a field says that they are.
    """
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return _DIGITS.sub(_without_card, text)


def redact_value(value: object, *, name: str = "") -> object:
    """Redact what a log line carries beside its text: mappings by their names, texts by their look.

    Numbers, truth values and None stay as they are; anything else becomes its redacted text.
    """
    if name and _BY_NAME.fullmatch(name) and value not in (None, ""):
        return REMOVED
    if isinstance(value, Mapping):
        return {str(key): redact_value(one, name=str(key)) for key, one in value.items()}
    if isinstance(value, bool | float) or value is None:
        return value
    if isinstance(value, int):
        # A card number may come as a number.
        return value if redact(str(value)) == str(value) else REMOVED
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [redact_value(one) for one in value]
    return redact(str(value))


def context() -> Mapping[str, object]:
    """Give what the present work is about: ids, never names or amounts."""
    return _about.get()


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Put ids (`request_id`, `merchant_id`, `case_id`) on every log line written inside."""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def begin(**ids: object) -> None:
    """Start a piece of work in a thread that lives on; without ids, end it."""
    _about.set(ids)


def note(**ids: object) -> None:
    """Add ids to the lines from here to the end of the innermost `about`."""
    _about.set({**_about.get(), **ids})


def _without_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return "[card]" if _luhn(digits) else match[0]


def _luhn(digits: str) -> bool:
    """Check the last digit of a card number. Source: ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
