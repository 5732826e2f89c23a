"""On a case: make a payment link to copy, or take back those that were made."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customers.models import Customer
from apps.dunning_emails import services
from apps.recovery.models import RecoveryCase


@require_GET
@allow(Role.VIEWER)
def link_page(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Say what a link does before one is made."""
    return _show(request, load_case(request.merchant, case_id))


@require_POST
@allow(Role.SUPPORT)
def make_link(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Make a link and show it this once."""
    case = load_case(request.merchant, case_id)
    if case.status != RecoveryCase.Status.OPEN:
        messages.warning(request, gettext("This case is closed."))
        return redirect("recovery:case", case_id=case_id)
    address = services.make_link(case=case, by=request.user.email, now=clock.now())
    return _show(request, case, address=address)


@require_POST
@allow(Role.SUPPORT)
def revoke_links(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Take back every link of a case; those in mails already sent end as well."""
    load_case(request.merchant, case_id)
    services.revoke_links(
        merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now()
    )
    messages.success(request, gettext("The links made so far no longer work."))
    return redirect("recovery:case", case_id=case_id)


def load_case(merchant: Merchant, case_id: int) -> RecoveryCase:
    """Return a case of this merchant, else 404."""
    try:
        return (
            RecoveryCase.objects.for_merchant(merchant).select_related("merchant").get(pk=case_id)
        )
    except RecoveryCase.DoesNotExist as error:
        raise Http404 from error


def name_of_customer(case: RecoveryCase) -> str:
    """Return the customer's name as lists show it."""
    found = Customer.objects.for_merchant(case.merchant).filter(
        stripe_customer_id=case.stripe_customer_id
    )
    customer = found.first()
    return customer.display_name if customer else case.stripe_customer_id


def _show(request: MerchantRequest, case: RecoveryCase, address: str = "") -> HttpResponse:
    context = {
        "case": case,
        "customer": name_of_customer(case),
        "address": address,
        "links": case.payment_links.filter(revoked_at=None).count(),
    }
    return render(request, "dunning_emails/link.html", context)
