"""Whether Recoup may act at Stripe at this moment, and if not, why."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import LONGEST_GAP, NEVER, Installation, Merchant


@dataclass(frozen=True, slots=True)
class ChargingStop:
    """Why nothing is charged: a code for machines, words for the merchant.

    `by_merchant` is true where the merchant's own people can switch it on again.
    """

    code: str
    text: str
    by_merchant: bool = False


def charging_stop(merchant: Merchant) -> ChargingStop | None:
    """Say why nothing may be charged for a merchant now; None when it may. One query.

    The same rule as `Merchant.objects.charging()`. The merchant's own switch is taken as given:
    who is about to send something passes a merchant read just before.
    """
    if not merchant.charging_on:
        return ChargingStop("charging_off", str(_("Charging is switched off.")), by_merchant=True)
    if merchant.detached_at is not None:
        words = _(
            "The Stripe account took Recoup's access back. Nothing is charged until it is "
            "connected again."
        )
        return ChargingStop("account_detached", str(words))
    if merchant.refused_at is not None:
        words = _(
            "Stripe refuses Recoup's calls for this account: the key is wrong or lacks a "
            "permission. Nothing is charged; it goes on by itself once Stripe takes them again."
        )
        return ChargingStop("access_denied", str(words))
    installation = Installation.objects.current()
    if not installation.charging_on:
        text = str(_("The operator of this service has switched charging off."))
        return ChargingStop("charging_off", f"{text} {installation.charging_reason}".strip())
    if _has_gap(installation) or _is_unreconciled(installation, merchant):
        return ChargingStop(
            "reconciling",
            str(
                _(
                    "Recoup was away, or its database was restored: every open payment is compared "
                    "with Stripe first. Charging goes on by itself."
                )
            ),
        )
    return None


def _has_gap(installation: Installation) -> bool:
    alive_at = installation.alive_at
    return alive_at is not None and timezone.now() - alive_at > LONGEST_GAP


def _is_unreconciled(installation: Installation, merchant: Merchant) -> bool:
    since = installation.reconcile_since
    return since is not None and since > (merchant.reconciled_at or NEVER)
