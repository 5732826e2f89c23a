"""Puts the signed-in person's merchant on the request."""

from collections.abc import Callable

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from apps.accounts.current import current_membership
from apps.accounts.models import Membership, Merchant, Role


class MerchantMiddleware:
    """Sets `request.memberships`, `request.merchant` and `request.role`, each looked up on first use.

    A page that asks for none of them (public pages, webhooks, /healthz) costs no query. Merchant
    and role are lazy objects: test their truth, not their identity. `permissions.allow` puts the
    real ones there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        def memberships() -> list[Membership]:
            if not request.user.is_authenticated:
                return []
            charging = Merchant.objects.charging().filter(pk=OuterRef("merchant_id"))
            return list(
                Membership.objects.filter(user=request.user)
                .select_related("merchant")
                # Every page says so when nothing is charged; this saves it a query.
                .annotate(is_charging=Exists(charging))
                .order_by("merchant__name", "merchant_id")
            )

        def merchant() -> Merchant | None:
            chosen = current_membership(request)
            return chosen.merchant if chosen else None

        def role() -> Role | None:
            chosen = current_membership(request)
            return Role(chosen.role) if chosen else None

        request.memberships = SimpleLazyObject(memberships)  # type: ignore[attr-defined]
        request.merchant = SimpleLazyObject(merchant)  # type: ignore[attr-defined]
        request.role = SimpleLazyObject(role)  # type: ignore[attr-defined]
        return self.get_response(request)
