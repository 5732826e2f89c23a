"""Whether Stripe itself will charge again, in one line that a merchant reads."""

from datetime import datetime
from zoneinfo import ZoneInfo

from apps.dunning.timing import spoken


def stripe_goes_on(
    *,
    invoice_status: str,
    collection_method: str,
    auto_advance: bool,
    next_payment_attempt: datetime | None,
    failed: bool,
    taken_over: bool,
    zone: ZoneInfo,
    waits_for_card: bool = False,
) -> str:
    """Say in one line whether Stripe will charge again by itself; "" before the first failure.

    A missing time is no proof that Stripe has stopped: it is also missing for a first failure in
    accounts that use billing automations. After a hard decline (`waits_for_card`) Stripe goes on
    scheduling tries, and carries one out only once it finds another payment method.
    Source: https://docs.stripe.com/billing/automations,
    https://docs.stripe.com/billing/revenue-recovery/smart-retries
    """
    if invoice_status in ("paid", "void", "uncollectible"):
        return "Stripe will not try again: closed" if failed else ""
    if collection_method == "send_invoice":
        return "Stripe will not try again: sent invoice"
    if not failed:
        return ""
    if next_payment_attempt is not None and waits_for_card:
        at = spoken(next_payment_attempt, zone)
        return f"Stripe scheduled a try for {at}; it runs only if a new card is there"
    if next_payment_attempt is not None:
        return f"Stripe tries again on {spoken(next_payment_attempt, zone)}"
    if taken_over:
        return "Stripe will not try again: switched off because Recoup retries"
    if auto_advance:
        return "Time not set yet"
    return "Stripe will not try again: tries used up"
