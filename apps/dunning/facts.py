"""What is known about one failed invoice when a decision is made. All datetimes are aware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.dunning.money import Money


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a charge was refused, in Stripe's own values; "" where Stripe said nothing.

    `code` is the outer error code ("card_declined", "expired_card"), `decline_code` the issuer's
    reason ("insufficient_funds"), `advice_code` Stripe's advice ("do_not_try_again"). The network
    codes are raw and may begin with a zero or hold letters: never numbers.

    Source: https://docs.stripe.com/declines
    """

    code: str
    decline_code: str = ""
    message: str = ""
    outcome_type: str = ""
    network_status: str = ""
    advice_code: str = ""
    network_advice_code: str = ""
    network_decline_code: str = ""

    @property
    def reason(self) -> str:
        """The most exact code there is: the decline code, else the outer code."""
        return self.decline_code or self.code


@dataclass(frozen=True, slots=True)
class Method:
    """The payment method that would be charged now.

    `changed_at` is when its data (expiry, security code, number) last changed, as far as we know;
    an update by the card network counts; one dated in the future counts from then on. `country` is
    the issuer's, ISO 3166 alpha-2. `mandate` is Stripe's state of the mandate a bank debit needs
    (active, inactive, pending); "" where nobody said.
    """

    reference: str
    type: str = "card"
    brand: str = ""
    last4: str = ""
    fingerprint: str = ""
    funding: str = ""
    country: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    changed_at: datetime | None = None
    mandate: str = ""


@dataclass(frozen=True, slots=True)
class BackupMethod:
    """Another payment method of the same customer.

    `last_paid_at` is when a charge on it last succeeded. `declined_hard` is True if any invoice
    got a decline from it after which nothing may be charged. `tries` are the times of all tries
    on its fingerprint in the last 30 days, as in `CaseFacts.card_tries`.
    """

    method: Method
    last_paid_at: datetime
    declined_hard: bool = False
    tries: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class PaymentTry:
    """One charge that ran for the invoice, by Stripe, by us or by the customer.

    `reached_network` is False for a charge Stripe blocked itself: no bank saw it, and it does not
    count in the card's budget. `moves_schedule` is False for a try outside the schedule: asked for
    by a person, made because the card changed, or on a backup method; the schedule goes on as if
    it had not been. `backup` tells the last kind.
    """

    at: datetime
    succeeded: bool
    decline: Decline | None
    method_reference: str = ""
    fingerprint: str = ""
    method_type: str = "card"
    reached_network: bool = True
    moves_schedule: bool = True
    backup: bool = False


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """Everything a decision about one failed invoice may depend on.

    `tries` are the invoice's charges, oldest first. `retries_made` is how many attempts of the
    schedule were carried out: the ordinal kept on our attempts, never derived from `tries`.
    `card_tries` are the times of all tries on the method's card fingerprint, over all invoices and
    both engines, that reached the network in the last 30 days. `zone` is the IANA name of the
    customer's (else merchant's) time zone. `provider_next_try_at` is when Stripe will charge by
    itself; `provider_has_retries` is False once it will not any more.
    `elsewhere` is the newest settled try of the same card number for another invoice: what a bank
    says of a card holds for everything the card pays.
    `confirmed_in_person_at` is when the customer last confirmed with their bank (3-D Secure).
    `reference` names the invoice: what is spread over minutes is spread by it. `recurring` is
    False for a one-off invoice. `backups` are the customer's other methods; `backup_used` is True
    once one of them was tried for this invoice.
    `behind_another` is True where another invoice of the same subscription is to be paid first: a
    new card is not tried on this one by itself. `older_instalment` is True while an older
    instalment of the same payment plan is still being collected: this one waits for it.
    """

    invoice_status: str
    amount_remaining: Money
    first_failed_at: datetime
    tries: tuple[PaymentTry, ...]
    retries_made: int
    method: Method | None
    zone: str
    collected_automatically: bool = True
    subscription_status: str = ""
    provider_next_try_at: datetime | None = None
    provider_has_retries: bool = True
    card_tries: tuple[datetime, ...] = ()
    elsewhere: PaymentTry | None = None
    confirmed_in_person_at: datetime | None = None
    processing: bool = False
    account_attached: bool = True
    reference: str = ""
    recurring: bool = True
    backups: tuple[BackupMethod, ...] = ()
    backup_used: bool = False
    behind_another: bool = False
    older_instalment: bool = False

    @property
    def last_try(self) -> PaymentTry | None:
        """The newest charge, whatever came of it."""
        return newest(self.tries)

    @property
    def backup_spent(self) -> bool:
        """Whether the one charge on a backup method was made already."""
        return self.backup_used or any(one.backup for one in self.tries)

    @property
    def last_failure(self) -> PaymentTry | None:
        """The newest charge that failed."""
        return newest([one for one in self.tries if not one.succeeded])


def newest(tries: Sequence[PaymentTry]) -> PaymentTry | None:
    """Return the try with the latest time; of several at one moment the one listed last."""
    return max(reversed(tries), key=lambda one: one.at, default=None)
