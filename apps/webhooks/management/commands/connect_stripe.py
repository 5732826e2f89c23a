"""`manage.py connect_stripe`: check the key, create the webhook endpoint, print its secret."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps import clock
from apps.accounts.models import Merchant
from apps.accounts.services import AccountConflict, attach_account
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import AccessDenied, GatewayError
from apps.stripe_gateway.event_types import EVENT_TYPES

WEBHOOK_PATH = "/webhooks/stripe/"


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The account behind our key, or one connected to it."""

    stripe_account_id: str
    livemode: bool
    is_connected: bool = False


class Command(BaseCommand):
    help = (
        "Check STRIPE_SECRET_KEY and what it may read; with --url create the webhook endpoint and "
        "print its secret for the environment; with --merchant name whose account it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", default="", help="Where Stripe reaches us: https://host[/path]."
        )
        parser.add_argument("--merchant", type=int, help="The number of the merchant.")
        parser.add_argument(
            "--account", default="", help="acct_…; needed with a restricted key, which cannot tell."
        )
        parser.add_argument(
            "--connected", default="", help="acct_… of the merchant, connected to our platform."
        )
        parser.add_argument(
            "--connect", action="store_true", help="Events of connected accounts (platforms)."
        )

    def handle(
        self,
        *,
        url: str,
        merchant: int | None,
        account: str,
        connected: str,
        connect: bool,
        **options: Any,
    ) -> None:
        try:
            own = self._check_key(account)
            theirs = self._check_connected(connected, own) if connected else own
            if merchant is not None:
                self._connect_merchant(merchant, theirs)
            if url:
                self._create_endpoint(_webhook_url(url, livemode=own.livemode), connect=connect)
        except GatewayError as error:
            raise CommandError(f"Stripe: {error}") from error

    def _check_key(self, account_id: str) -> OwnAccount:
        try:
            info = gateway.check_key()
        except AccessDenied as error:
            if not gateway.key_is_restricted():
                raise CommandError(f"Stripe refuses STRIPE_SECRET_KEY: {error}") from error
            if not account_id:
                raise CommandError(
                    "A restricted key cannot tell its account: add --account acct_…, as shown in "
                    "Stripe under Settings > Account."
                ) from error
            own = OwnAccount(account_id, gateway.key_is_live())
        else:
            own = OwnAccount(info.id, info.livemode)
            if account_id not in ("", info.id):
                raise CommandError(f"The key belongs to {info.id}, not to {account_id}.")
        missing = gateway.missing_permissions(account=own)
        if missing:
            raise CommandError(
                f"The key lacks: {', '.join(missing)}. Grant it in Stripe under "
                "Developers > API keys."
            )
        mode = "live mode" if own.livemode else "test mode"
        self.stdout.write(f"The key works: {own.stripe_account_id}, {mode}.")
        return own

    def _check_connected(self, account_id: str, own: OwnAccount) -> OwnAccount:
        theirs = OwnAccount(account_id, own.livemode, is_connected=True)
        if gateway.missing_permissions(account=theirs):
            raise CommandError(
                f"{account_id} cannot be read with this key: it is not connected to "
                f"{own.stripe_account_id}, or not in this mode."
            )
        return theirs

    def _connect_merchant(self, merchant_id: int, own: OwnAccount) -> None:
        merchant = Merchant.objects.filter(pk=merchant_id).first()
        if merchant is None:
            raise CommandError(f"There is no merchant {merchant_id}.")
        try:
            attach_account(
                merchant=merchant,
                stripe_account_id=own.stripe_account_id,
                livemode=own.livemode,
                is_connected=own.is_connected,
                user=None,
                now=clock.now(),
            )
        except AccountConflict as conflict:
            raise CommandError(str(conflict)) from conflict
        self.stdout.write(f"{merchant.name} is connected.")

    def _create_endpoint(self, url: str, *, connect: bool) -> None:
        existing = gateway.webhook_endpoint_at(url=url)
        if existing:
            raise CommandError(
                f"{existing} posts to {url} already. Stripe tells a secret only once: delete that "
                "endpoint in Stripe and run this again."
            )
        secret = gateway.create_webhook_endpoint(url=url, events=EVENT_TYPES, connect=connect)
        self.stdout.write(f"Stripe will post {len(EVENT_TYPES)} kinds of events to {url}.")
        self.stdout.write("Put this line into the environment; it is shown only now:")
        self.stdout.write(f"STRIPE_WEBHOOK_SECRET={secret}")


def _webhook_url(url: str, *, livemode: bool) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise CommandError(f"“{url}” is no address; it begins with https://.")
    if livemode and parts.scheme != "https":
        raise CommandError("In live mode Stripe posts only to https:// addresses.")
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}{WEBHOOK_PATH}"
