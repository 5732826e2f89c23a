"""Rules in one line, for cards and for telling two people's changes apart."""

from apps.dunning.presets import PRESETS
from apps.dunning.rules import RetryRules
from apps.retry_settings.forms.ladders import write_ladder

STRATEGIES = {"custom": "custom schedule", "decline_aware": "by decline reason"}
ENDS = {"cancel": "then the subscription is canceled", "leave_past_due": "then it stays past due"}


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
    return (
        f"Recoup retries, {strategy}{named}: up to {most} {'try' if most == 1 else 'tries'}"
        f" in {rules.horizon.days} days{moments}, {ENDS[rules.final_action]}."
    )
