"""The demo's merchant and the person who signs in."""

import datetime as dt
from dataclasses import replace

from apps import clock
from apps.accounts.models import Merchant, User
from apps.accounts.services import create_merchant
from apps.customer_payments.services import save_settings
from apps.dunning.mails.kinds import AVAILABLE, OF_INVOICES, MailKind
from apps.dunning.presets import RECOMMENDED
from apps.dunning_emails.services.settings import save_settings as save_email_settings
from apps.dunning_emails.services.settings import switch_kind
from apps.retry_settings.services import save_rules
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import AccessDenied
from sandbox.demo.plan import EMAIL, MERCHANT, PASSWORD

RULES = replace(RECOMMENDED, debits_recurring=True)
ABOUT_NO_FAILURE = (MailKind.CARD_EXPIRING, MailKind.RENEWAL, *OF_INVOICES)


def prepare_merchant(*, own_stripe: bool, now: dt.datetime | None = None) -> None:
    """Make merchant and owner unless an earlier start did.

    On the local Stripe Recoup retries, revokes and grants from the start. On a real one
    (`own_stripe`) it only watches, as for every new merchant. `now` is business time, the clock's
    if not given.
    """
    if User.objects.filter(email=EMAIL).exists():
        return
    try:
        info = gateway.check_key()
        name, account_id, livemode = info.name or MERCHANT, info.id, info.livemode
    except AccessDenied:
        # A restricted key may not read its own account; connect_stripe says what it lacks.
        name, account_id, livemode = MERCHANT, "", False
    merchant = create_merchant(
        name=name if own_stripe else MERCHANT,
        email=EMAIL,
        password=PASSWORD,
        stripe_account_id=account_id,
        livemode=livemode,
    ).merchant
    Merchant.objects.filter(pk=merchant.pk).update(time_zone="America/New_York")
    if own_stripe:
        return
    owner, now = User.objects.get(email=EMAIL), now or clock.now()
    save_rules(merchant=merchant, rules=RULES, expected_version=0, user=owner, now=now)
    save_settings(
        merchant=merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        expected_version=0,
        user=owner,
        now=now,
    )
    _write_mails(merchant, owner=owner, now=now)


def _write_mails(merchant: Merchant, *, owner: User, now: dt.datetime) -> None:
    """Switch on every mail about failures; for a new merchant they are off."""
    for kind in (kind for kind in AVAILABLE if kind not in ABOUT_NO_FAILURE):
        switch_kind(merchant=merchant, kind=kind, on=True, user=owner, now=now)
    save_email_settings(
        merchant=merchant,
        changes={
            "reply_to": "hello@willow-studio.example",
            "postal_address": "12 Canal Street\nNew York, NY 10013",
            "colour": "#0b6b5d",
        },
        expected_version=0,
        user=owner,
        now=now,
    )
