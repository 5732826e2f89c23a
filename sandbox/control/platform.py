"""The platform: accounts, keys, webhook endpoints, and what owners set in the dashboard."""

from collections.abc import Iterable

from sandbox.billing import subscriptions
from sandbox.billing.retries import RetrySettings
from sandbox.control.base import HOUSE, Controls, id_of
from sandbox.resources import accounts, webhook_endpoints
from sandbox.types import Obj
from sandbox.webhooks import Deliverer, Send


class PlatformControls(Controls):
    """Accounts and their owners."""

    def add_account(
        self,
        id: str | None = None,
        *,
        name: str = "Sandbox Merchant",
        keys: list[str] | None = None,
        connected: bool = True,
        livemode: bool = False,
        country: str = "US",
        currency: str = "usd",
        timezone: str = "America/New_York",
        retries: RetrySettings | None = None,
    ) -> str:
        """Add an account and return its id; a connected one answers to the platform's key."""
        me = self._me
        account = id or ("acct_" + me.new_letters(length=16) if connected else me.account)
        settings: Obj = {
            "name": name,
            "email": "owner@example.com",
            "country": country,
            "currency": currency,
            "timezone": timezone,
            "livemode": livemode,
            "connected": connected,
            "api_version": me.api_version,
            "retries": (retries or RetrySettings()).as_row(),
            "automations": False,
            "waits_for_listeners": False,
            "action_required_also_fails": True,
        }
        with me.lock:
            me.store.put(HOUSE, "settings", account, settings)
            for key in keys or []:
                self.add_key(key, account=account)
            accounts.build(me.books(account))
        return account

    def add_key(
        self, key: str, *, account: str | None = None, permissions: list[str] | None = None
    ) -> str:
        """Let calls in with this key. `permissions` such as "invoices:write" restrict it."""
        me = self._me
        row: Obj = {
            "id": key,
            "account": account or me.account,
            "livemode": "_live_" in key,
            "permissions": permissions,
        }
        me.store.put(HOUSE, "key", key, row)
        return key

    def connected_accounts(self) -> list[str]:
        me = self._me
        return [
            account
            for account in me.store.accounts()
            if account and me.settings_of(account)["connected"]
        ]

    def disconnect(self, account: str) -> None:
        """Take the platform's access to a connected account away."""
        me = self._me
        books = me.books(account)
        books.emit(
            "account.application.deauthorized", {"id": "ca_sandbox", "object": "application"}
        )
        me.store.put(HOUSE, "settings", account, {**me.settings_of(account), "connected": False})

    def add_endpoint(
        self,
        url: str,
        *,
        events: Iterable[str] = ("*",),
        secret: str | None = None,
        api_version: str | None = None,
        connect: bool = False,
        account: str | None = None,
    ) -> Obj:
        """Register a webhook endpoint with a known secret; the same address only once."""
        books = self._me.books(account)
        for endpoint in books.all("webhook_endpoint"):
            if endpoint["url"] == url and endpoint["_connect"] == connect:
                return endpoint
        return webhook_endpoints.new_endpoint(
            books,
            url=url,
            enabled_events=list(events),
            api_version=api_version,
            connect=connect,
            secret=secret,
        )

    def rotate_secret(self, endpoint: str, new: str, *, account: str | None = None) -> None:
        """Sign with the new secret as well as with the former one."""
        books = self._me.books(account)
        row = books.get("webhook_endpoint", endpoint)
        row["_secrets"] = [new, *row["_secrets"][:1]]
        books.save(row)

    def deliver_to(self, send: Send) -> Deliverer:
        """Make a deliverer that hands every letter to `send(url, body, headers) -> status`."""
        return Deliverer(self._me, send)

    def cancel_subscription(self, subscription: Obj | str, *, account: str | None = None) -> None:
        books = self._me.books(account)
        row = books.get("subscription", id_of(subscription))
        subscriptions.end(books, row, reason="cancellation_requested")

    def set_waiting_for_listeners(self, on: bool, *, account: str | None = None) -> None:
        """Keep renewals drafts for up to 72 hours while invoice.created is not delivered."""
        self._me._set(account, waits_for_listeners=on)

    def set_automations(self, on: bool, *, account: str | None = None) -> None:
        """With automations a first failure shows no next time; invoice.updated brings it."""
        self._me._set(account, automations=on)
