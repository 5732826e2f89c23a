"""The frame of a page: who looks, at which merchant, in which zone and language."""

import datetime as dt
from functools import cached_property
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils.functional import Promise

from apps import clock
from apps.accounts.current import current_membership, is_charging
from apps.accounts.models import Membership, Merchant, Role
from apps.accounts.queries import ChargingStop, charging_stop
from apps.web import navigation
from apps.web.formats import zone_name, zone_place
from apps.web.preferences import acts_on_single_keys

THEMES = ("light", "dark")
"""Values of the theme cookie; anything else follows the system."""


class Shell:
    """The frame of a page. Nothing is queried before a template asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def memberships(self) -> list[Membership]:
        """The merchants this person may switch between, by name."""
        return list(getattr(self._request, "memberships", ()))

    @cached_property
    def merchant(self) -> Merchant | None:
        # A lazy object: its truth is the merchant's, its identity is not.
        merchant: Merchant | None = getattr(self._request, "merchant", None)
        return merchant or None

    @cached_property
    def role(self) -> Role | None:
        role: Role | None = getattr(self._request, "role", None)
        return role or None

    @cached_property
    def now(self) -> dt.datetime:
        """Business time, the same for all of one page."""
        return clock.now()

    @cached_property
    def zone(self) -> ZoneInfo:
        return self.merchant.zone if self.merchant else ZoneInfo("UTC")

    @cached_property
    def zone_label(self) -> str:
        """The zone as a page head names it: "New York (EST)"."""
        place, name = zone_place(self.zone), zone_name(self.zone, self.now)
        return name if place == name else f"{place} ({name})"

    @cached_property
    def locale(self) -> str:
        return self.merchant.locale if self.merchant else "en_US"

    @cached_property
    def theme(self) -> str:
        chosen = self._request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @cached_property
    def is_test(self) -> bool:
        return bool(self.merchant and not self.merchant.livemode)

    @cached_property
    def can_act(self) -> bool:
        """Whether this person may act on cases; viewers only look."""
        return bool(self.role and self.role.covers(Role.SUPPORT))

    @cached_property
    def can_configure(self) -> bool:
        """Whether this person may change settings."""
        return bool(self.role and self.role.covers(Role.ADMIN))

    @cached_property
    def single_keys(self) -> bool:
        """Whether "/", "?" and "g" act for this person."""
        found = current_membership(self._request) if self.memberships else None
        return found is None or acts_on_single_keys(found)

    @cached_property
    def charging_stop(self) -> ChargingStop | None:
        """Why nothing is charged for this merchant now; None when all is well."""
        merchant = self.merchant
        if merchant is None:
            return None
        is_on = any(is_charging(one) and one.merchant_id == merchant.pk for one in self.memberships)
        return None if is_on else charging_stop(merchant)

    @cached_property
    def stripe_is_silent(self) -> bool:
        """Whether Stripe left a call unanswered just now: what is shown may be older."""
        return bool(self._counted.get(navigation.SILENT))

    @cached_property
    def _counted(self) -> dict[str, int]:
        return navigation.counts(self.merchant) if self.merchant else {}

    @cached_property
    def home(self) -> navigation.Link | None:
        merchant = self.merchant
        if merchant is None:
            return None
        return navigation.link(navigation.HOME, path=self._request.path)

    @cached_property
    def sections(self) -> list[tuple[str | Promise, str, list[navigation.Link]]]:
        """The navigation: label, icon and entries of each section."""
        merchant = self.merchant
        if merchant is None:
            return []
        path, counted = self._request.path, self._counted
        return [
            (section.label, section.icon, navigation.links(section, path=path, counted=counted))
            for section in navigation.SECTIONS
        ]
