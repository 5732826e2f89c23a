"""Which rules a case is frozen with: those of the first segment that matches, else the default."""

from collections.abc import Callable

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
    return stored_rules(merchant).rules if facts is None else rules_chooser(merchant)(facts)


def rules_chooser(merchant: Merchant) -> Callable[[SegmentFacts], RetryRules]:
    """Read a merchant's rules once and give what chooses among them for one invoice after another."""
    default = stored_rules(merchant).rules
    policies = list(RetryPolicy.objects.for_merchant(merchant))
    conditions = [policy.conditions for policy in policies]

    def choose(facts: SegmentFacts) -> RetryRules:
        found = first_match(conditions, facts)
        rules = default if found is None else policies[found].retry_rules
        return rules.for_invoice(recurring=facts.recurring)

    return choose
