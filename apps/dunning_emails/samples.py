"""Made-up customers for previews and test mails."""

from collections.abc import Mapping
from types import MappingProxyType

from apps.accounts.models import Merchant
from apps.dunning.customer_words import Why, told, what_to_do
from apps.dunning.money import Money
from apps.dunning_emails.models import EmailSettings
from apps.web.formats import format_money

SAMPLES: Mapping[str, tuple[str, Why]] = MappingProxyType(
    {
        "funds": ("Insufficient funds", "funds"),
        "expired": ("Expired card", "expired"),
        "confirm": ("3-D Secure", "confirm"),
    }
)


def sample_values(
    *, merchant: Merchant, settings: EmailSettings, sample: str = "funds"
) -> dict[str, str]:
    """Return values of the variables for a made-up payment."""
    why = SAMPLES.get(sample, SAMPLES["funds"])[1]
    tries = "Otherwise we try again by ourselves on Thu, Nov 26, 10:00 AM."
    return {
        "first_name": "Sofia",
        "store": settings.sender_name or merchant.name,
        "amount": format_money(Money(14_900, "usd"), locale=merchant.locale),
        "offer": "Studio Membership",
        "card": "Visa •••• 3119",
        "reason": told(why),
        "what_to_do": what_to_do(why),
        "invoice": "WS-0042",
        "next_try": tries if why == "funds" else "",
        "access": "Your access to Studio Membership is paused until then; your progress is kept.",
        "date": "Nov 23",
        "due": "due on Nov 23",
        "end": "Otherwise we stop trying on Dec 14.",
        "backup": "",
    }
