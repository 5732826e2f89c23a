"""Rules in one line, for cards and for telling two people's changes apart."""

from apps.dunning.presets import PRESETS
from apps.dunning.rules import RetryRules
from apps.retry_settings.forms.ladders import write_ladder

STRATEGIES = {"custom": "custom schedule", "decline_aware": "by decline reason"}
ENDS = {
    "cancel": "then the subscription is canceled",
    "leave_past_due": "then it stays past due",
    "pause": "then its collection is paused",
}
INVOICE_ENDS = {
    "leave_open": "",
    "uncollectible": " and the invoice is marked uncollectible",
    "void": " and the invoice is voided",
}


def in_words(rules: RetryRules) -> str:
    """Return "Recoup retries, by decline reason (Recommended): 8 tries in 21 days, then …"."""
    if rules.engine == "stripe":
        return "Stripe retries; Recoup watches."
    ladders = rules.table.values() if rules.strategy == "decline_aware" else (rules.steps,)
    most = max((len(ladder) for ladder in ladders), default=0)
    preset = PRESETS.get(rules.name)
    named = f" ({preset.title})" if preset else ""
    strategy = STRATEGIES[rules.strategy]
    moments = f", days {write_ladder(rules.steps).text}" if rules.strategy == "custom" else ""
    count = f"up to {most} {'try' if most == 1 else 'tries'} in {rules.horizon.days} days{moments}"
    if rules.engine == "gaps":
        return (
            f"Stripe retries, and Recoup at least {rules.gap_hours} h away from it,"
            f" {strategy}{named}: {count}."
        )
    ends = f"{ENDS[rules.final_action]}{INVOICE_ENDS[rules.invoice_action]}"
    return f"Recoup retries, {strategy}{named}: {count}, {ends}."
