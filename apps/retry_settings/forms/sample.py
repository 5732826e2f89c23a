"""The made-up payment that a preview follows."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from apps.dunning.codes import kind_of
from apps.dunning.facts import BackupMethod, CaseFacts, Decline, Method, PaymentTry
from apps.dunning.limits import DEBIT_SCHEMES
from apps.dunning.money import Money

BACKUP = Method("pm_backup", brand="mastercard", last4="5100", fingerprint="backup")


@dataclass(frozen=True, slots=True)
class Sample:
    """The payment of the preview. `method` is a card or a type of DEBIT_SCHEMES; `code` its decline."""

    code: str
    method: str = "card"
    recurring: bool = True

    @property
    def is_debit(self) -> bool:
        return kind_of(self.method) == "direct_debit"


def sample_facts(
    sample: Sample, zone: ZoneInfo, now: dt.datetime, *, provider_has_retries: bool
) -> CaseFacts:
    """Return what is known right after it failed; `zone` stands for the customer's."""
    method = Method(
        "pm_sample", type=sample.method, brand="visa", last4="4242", fingerprint="sample"
    )
    outer = sample.code if sample.is_debit else "card_declined"
    failure = PaymentTry(
        at=now,
        succeeded=False,
        decline=Decline(outer, sample.code),
        method_reference=method.reference,
        fingerprint=method.fingerprint,
        method_type=method.type,
    )
    return CaseFacts(
        invoice_status="open",
        amount_remaining=Money(4900, "usd"),
        first_failed_at=now,
        tries=(failure,),
        retries_made=0,
        method=method,
        zone=str(zone),
        subscription_status="past_due" if sample.recurring else "",
        provider_has_retries=provider_has_retries,
        card_tries=(now,),
        recurring=sample.recurring,
        backups=(BackupMethod(BACKUP, last_paid_at=now - dt.timedelta(days=30)),),
    )


def debit_choices() -> list[tuple[str, str]]:
    """List (type, name) of the bank debits a preview can show, one for types that share a scheme."""
    kinds: dict[str, str] = {}
    for kind, scheme in DEBIT_SCHEMES.items():
        kinds.setdefault(scheme.name, kind)
    return sorted(((kind, name) for name, kind in kinds.items()), key=lambda pair: pair[1])
