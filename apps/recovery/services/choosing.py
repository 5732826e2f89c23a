"""Which of a merchant's rules a failed invoice follows."""

import datetime as dt

from apps.dunning import codes
from apps.dunning.rules import RetryRules
from apps.dunning.segments import SegmentFacts
from apps.stripe_gateway.facts import InvoiceFacts


def segment_facts(invoice: InvoiceFacts, *, now: dt.datetime) -> SegmentFacts:
    """Give what a segment may ask about an invoice that was just read."""
    customer, subscription, method = invoice.customer, invoice.subscription, invoice.method
    kind = ""
    if method is not None:
        is_debit = codes.kind_of(method.type) == "direct_debit"
        kind = "debit" if is_debit else "card" if method.type == "card" else "other"
    return SegmentFacts(
        amount=invoice.amount_due,
        recurring=bool(invoice.subscription_id),
        product=invoice.product_id,
        offer=invoice.offer_name,
        interval=subscription.interval if subscription else "",
        tenure_days=(now - subscription.started_at).days if subscription else None,
        country=(customer.country if customer else "") or (method.country if method else ""),
        method=kind,
        metadata={
            **(customer.metadata if customer else {}),
            **(subscription.metadata if subscription else {}),
            **invoice.metadata,
        },
    )


def rules_in_words(rules: RetryRules) -> str:
    """Name rules as a timeline does: the segment's policy, else the preset, else the strategy."""
    return rules.policy or rules.name or rules.strategy
