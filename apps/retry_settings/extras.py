"""What higher floors add to a preview: the mails and the access that a merchant chose.

An app above registers a function when it starts; this app calls it and knows nothing of it.
"""

from collections.abc import Callable
from dataclasses import replace

from apps.accounts.models import Merchant
from apps.dunning.access import AccessRules
from apps.dunning.mails.rules import MailRules
from apps.dunning.outlook import Rulebook
from apps.dunning.rules import RetryRules

# Keys alone: an app that starts again adds nothing twice.
_mails: dict[Callable[[Merchant], MailRules], None] = {}
_access: dict[Callable[[Merchant], AccessRules | None], None] = {}


def register_mails(chosen: Callable[[Merchant], MailRules]) -> None:
    """Let an app above tell which mails a merchant sends; called at start."""
    _mails[chosen] = None


def register_access(chosen: Callable[[Merchant], AccessRules | None]) -> None:
    """Let an app above tell when a merchant takes access, None for no choice yet; called at start."""
    _access[chosen] = None


def rulebook(merchant: Merchant, rules: RetryRules) -> Rulebook:
    """Put rules for retries beside the mails and the access that the merchant saved."""
    book = Rulebook(rules)
    for mails in _mails:
        book = replace(book, mails=mails(merchant))
    for access in _access:
        book = replace(book, access=access(merchant))
    return book
