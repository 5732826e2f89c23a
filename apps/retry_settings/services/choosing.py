"""Which rules a case is frozen with: those of the first segment that matches, else the default."""

from apps.accounts.models import Merchant
from apps.dunning.rules import RetryRules
from apps.dunning.segments import SegmentFacts, first_match
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services.rules import stored_rules


def rules_by_policy(merchant: Merchant) -> tuple[RetryRules, dict[str, RetryRules]]:
    """Give the rules for everybody, and those of each segment by its name."""
    policies = RetryPolicy.objects.for_merchant(merchant)
    return stored_rules(merchant).rules, {one.name: one.retry_rules for one in policies}


def rules_for(merchant: Merchant, facts: SegmentFacts | None = None) -> RetryRules:
    """Give the rules a case that opens now is frozen with; without facts, the default ones.

    An invoice of a kind that the rules leave to Stripe gets Stripe's.
    """
    default = stored_rules(merchant).rules
    if facts is None:
        return default
    policies = list(RetryPolicy.objects.for_merchant(merchant))
    found = first_match([policy.conditions for policy in policies], facts)
    rules = default if found is None else policies[found].retry_rules
    return rules.for_invoice(recurring=facts.recurring)
