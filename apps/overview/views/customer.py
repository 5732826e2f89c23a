"""The page of one customer."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.overview.customer import customer_view, customers_shown


@require_GET
@allow(Role.VIEWER)
def customer_page(request: MerchantRequest, stripe_customer_id: str) -> HttpResponse:
    """Show who pays, with what, for what, and what of it failed."""
    customer = get_object_or_404(
        customers_shown(request.merchant), stripe_customer_id=stripe_customer_id
    )
    view = customer_view(merchant=request.merchant, customer=customer)
    return render(request, "overview/customer.html", {"view": view, "customer": customer})
