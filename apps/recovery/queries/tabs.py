"""Which cases stand on which tab of their list, as conditions for the database."""

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import Q

from apps.accounts.models import Merchant
from apps.dunning.codes import all_rows
from apps.recovery.models import RecoveryCase, RecoveryCaseQuerySet

Status, Step = RecoveryCase.Status, RecoveryCase.Step

OPEN = Q(status=Status.OPEN)
_WATCHED = OPEN & Q(next_step=Step.STRIPE)


def last_code_in(codes: frozenset[str]) -> Q:
    """Match cases whose last try was refused with one of these codes."""
    return Q(last_decline_code__in=codes) | Q(last_decline_code="", last_failure_code__in=codes)


_BY_BANK = last_code_in(
    frozenset(row.code for row in all_rows() if row.hard and row.needs_authentication)
)
_BY_CARD = last_code_in(
    frozenset(row.code for row in all_rows() if row.hard and not row.needs_authentication)
)
# After a hard decline Stripe keeps its schedule, but charges nothing until the card changes.
# Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
NEEDS_CARD = OPEN & Q(next_step__in=(Step.NEW_CARD, Step.NO_METHOD)) | _WATCHED & _BY_CARD
NEEDS_BANK = OPEN & Q(next_step=Step.AUTHENTICATION) | _WATCHED & _BY_BANK
RETRYING = OPEN & Q(next_step__in=(Step.RETRY, Step.CHECKING, Step.PROCESSING)) | (
    _WATCHED & Q(next_try_at__isnull=False) & ~(_BY_BANK | _BY_CARD)
)

VIEWS: Mapping[str, Q] = MappingProxyType(
    {
        "": OPEN,
        "attention": NEEDS_CARD | NEEDS_BANK,
        "retrying": RETRYING,
        "new_card": NEEDS_CARD,
        "authentication": NEEDS_BANK,
        "recovered": Q(status=Status.RECOVERED),
        "lost": Q(status=Status.LOST),
        "stopped": Q(status=Status.STOPPED),
    }
)
"""The tabs above the list of cases."""


def needs_attention(merchant: Merchant) -> RecoveryCaseQuerySet:
    """Select the open cases that only the customer can move."""
    return RecoveryCase.objects.for_merchant(merchant).filter(VIEWS["attention"])
