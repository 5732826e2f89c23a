"""Cases whose customer was reminded of 3-D Secure to no avail come to the end the merchant chose."""

import datetime as dt
from typing import cast

from apps.dunning.mails.confirming import confirm_over_at
from apps.dunning.rules import InvoiceAction
from apps.dunning_emails.facts import mail_facts, rules_of
from apps.dunning_emails.models import EmailSettings
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase

End = EmailSettings.InvoiceEnd


def end_unconfirmed_cases(*, now: dt.datetime) -> int:
    """End what is used up, by the rules of merchants who want that; how many cases that were.

    Only cases that Recoup retries: where Stripe does, Stripe's own setting decides. A rule reaches
    nothing that failed before it was saved.
    """
    count = 0
    for settings in EmailSettings.objects.exclude(confirm_end=End.LEAVE).select_related("merchant"):
        if settings.confirm_end_since is None:
            continue
        rules = rules_of(settings.merchant)
        waiting = (
            RecoveryCase.objects.for_merchant(settings.merchant)
            .open()
            .filter(
                next_step=RecoveryCase.Step.AUTHENTICATION,
                engine=RecoveryCase.Engine.RECOUP,
                source=RecoveryCase.Source.LIVE,
                held_at=None,
                failed_at__gte=settings.confirm_end_since,
                failed_at__lte=now - dt.timedelta(days=settings.confirm_end_days),
            )
            .select_related("merchant")
        )
        for case in waiting:
            over_at = confirm_over_at(
                facts=mail_facts(case=case, now=now), rules=rules, days=settings.confirm_end_days
            )
            if over_at is not None and over_at <= now:
                count += recovery.end_unconfirmed(
                    case_id=case.pk,
                    invoice_end=cast("InvoiceAction", settings.confirm_end),
                    now=now,
                )
    return count
